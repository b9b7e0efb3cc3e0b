package handover

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// shareable reports whether the sockets of an address can be handed over: TCP
// sockets, unless the operating system chooses the port.
func shareable(addr caddy.NetworkAddress) bool {
	switch addr.Network {
	case "tcp", "tcp4", "tcp6":
		return addr.StartPort != 0
	default:
		return false
	}
}

// overlaps reports whether an address overlaps with one of another server of the
// app. Caddy rejects such a config when it validates the app. It would not find
// the overlap if only one of the two addresses were rewritten by then.
func overlaps(addr caddy.NetworkAddress, server *caddyhttp.Server, app *caddyhttp.App) bool {
	repl := caddy.NewReplacer()
	for _, other := range app.Servers {
		if other == server {
			continue
		}
		for _, listen := range other.Listen {
			// Caddy replaces the placeholders of one server after another, and
			// may not have come to this one yet.
			listen, err := repl.ReplaceOrErr(listen, true, true)
			if err != nil {
				continue // Caddy reports the error
			}
			theirs, err := caddy.ParseNetworkAddress(listen)
			if err == nil && strings.TrimPrefix(theirs.Network, sharedPrefix) == addr.Network && theirs.Host == addr.Host &&
				theirs.StartPort <= addr.EndPort && addr.StartPort <= theirs.EndPort {
				return true
			}
		}
	}
	return false
}
