package caddy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	// hearing is for how long after it was made a connection without a request
	// keeps its server from stopping. A client that makes one for a request
	// sends that at once, which takes a round trip, or three with TLS, or as
	// many seconds when a packet is lost. Browsers also make some in advance,
	// and say nothing on them: net/http gives those up after this time.
	hearing = 5 * time.Second

	// answering is for how long the server is given after the last request has
	// come: net/http tells of it some instructions before it looks whether it
	// is shutting down.
	answering = 10 * time.Millisecond

	// lookInterval is how often to look who is left.
	lookInterval = time.Millisecond
)

// newcomers has the connections of one server that have brought no request yet.
// When Caddy stops a server, net/http closes them without an answer as soon as
// they do bring one (golang/go#75591). So once the next server has taken over,
// they are waited for.
type newcomers struct {
	// now is the clock.
	now func() time.Time

	// listeners is what the server listens on, once it has started.
	listeners []*sharedListener

	// since has the time of each [net.Conn], and heard that of the last that
	// brought a request, or has gone, in nanoseconds.
	since sync.Map
	heard atomic.Int64
}

// handOver has the server that a module is provisioned for lose no connection
// when Caddy replaces its config: the server shares its sockets with those of
// the configs before and after, and hears its newcomers out before it stops.
//
// Only TCP sockets are shared, as Caddy shares the others, and none whose port
// the system chooses. With shutdown_delay none is: Caddy would take each reload
// for the end, as it sees in the sockets' names only who uses them.
func handOver(ctx caddy.Context) error {
	server, app := serverOf(ctx)
	if server == nil || app.ShutdownDelay > 0 {
		return nil
	}
	n := &newcomers{now: time.Now}
	shared := false
	for i, listen := range server.Listen {
		addr, err := caddy.ParseNetworkAddress(listen)
		if err != nil || addr.StartPort == 0 || contested(addr, server, app) {
			continue // of an error, Caddy tells when it validates the app
		}
		switch addr.Network {
		case "tcp", "tcp4", "tcp6":
			sockets.claim(addr, n)
			addr.Network = sharedPrefix + addr.Network
			server.Listen[i] = addr.String()
			shared = true
		}
	}
	if !shared {
		return nil // another handler of the server has come first, perhaps
	}

	server.RegisterConnState(n.note)
	events, err := ctx.App("events")
	if err != nil {
		return fmt.Errorf("getting events app: %w", err)
	}
	return events.(*caddyevents.App).On("stopping", n)
}

// serverOf returns the server that a module is provisioned for, and its app, or
// nil when there is none.
func serverOf(ctx caddy.Context) (*caddyhttp.Server, *caddyhttp.App) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, nil
	}
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			return server, app
		}
	}
	return nil, nil
}

// contested reports whether another server of the app has a part of an address
// too. Caddy refuses that, but would not see it once the one is shared.
func contested(addr caddy.NetworkAddress, server *caddyhttp.Server, app *caddyhttp.App) bool {
	for _, other := range app.Servers {
		if other == server {
			continue
		}
		for _, listen := range other.Listen {
			theirs, err := caddy.ParseNetworkAddress(listen)
			if err == nil && theirs.Network == addr.Network && theirs.Host == addr.Host &&
				theirs.StartPort <= addr.EndPort && addr.StartPort <= theirs.EndPort {
				return true
			}
		}
	}
	return false
}

// note is told each new state of the server's connections.
func (n *newcomers) note(conn net.Conn, state http.ConnState) {
	if state == http.StateNew {
		n.since.Store(conn, n.now())
	} else if _, was := n.since.LoadAndDelete(conn); was {
		n.heard.Store(n.now().UnixNano())
	}
}

// Handle implements [caddyevents.Handler], for the event that the config is
// about to be stopped. Caddy waits until it returns.
func (n *newcomers) Handle(context.Context, caddy.Event) error {
	var yielded []*sharedListener
	for _, l := range n.listeners {
		if l.yield() {
			yielded = append(yielded, l)
		}
	}
	if len(yielded) == 0 {
		return nil // there is no next server
	}
	for end := n.now().Add(hearing); n.expected(yielded) && n.now().Before(end); {
		time.Sleep(lookInterval)
	}
	return nil
}

// expected reports whether there may be a request to come on a new connection,
// or one that has just come, when these listeners have yielded.
func (n *newcomers) expected(yielded []*sharedListener) bool {
	for _, l := range yielded {
		if !l.isParked() {
			return true
		}
	}
	expected := false
	n.since.Range(func(_, since any) bool {
		expected = n.now().Sub(since.(time.Time)) < hearing
		return !expected
	})
	return expected || n.now().Sub(time.Unix(0, n.heard.Load())) < answering
}

// Interface guards.
var _ caddyevents.Handler = (*newcomers)(nil)
