package handover

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// shareable reports whether the sockets of an address are shared: TCP sockets
// whose port the system does not choose.
func shareable(addr caddy.NetworkAddress) bool {
	switch addr.Network {
	case "tcp", "tcp4", "tcp6":
		return addr.StartPort != 0
	default:
		return false
	}
}

// overlaps reports whether another server of the app has a part of an address
// too. Caddy refuses such a config when it validates the app, which it could
// not if only one of the two addresses had another network's name by then.
func overlaps(addr caddy.NetworkAddress, server *caddyhttp.Server, app *caddyhttp.App) bool {
	repl := caddy.NewReplacer()
	for _, other := range app.Servers {
		if other == server {
			continue
		}
		for _, listen := range other.Listen {
			// Caddy replaces the placeholders of one server after another, and
			// the turn of this one may still come.
			listen, err := repl.ReplaceOrErr(listen, true, true)
			if err != nil {
				continue // Caddy reports it
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
