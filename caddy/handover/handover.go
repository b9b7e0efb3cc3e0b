package handover

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// DefaultTimeout is how long a config that has been replaced waits at most for
// the first requests on connections that it has accepted. It is also as long as
// net/http itself spares such connections when a server shuts down.
const DefaultTimeout = 5 * time.Second

// pollInterval is how often to look which connections are still pending.
const pollInterval = time.Millisecond

// Handover hands the listening sockets of one config to the next config.
type Handover struct {
	timeout time.Duration

	// now is the clock, and exiting reports whether Caddy is exiting.
	now     func() time.Time
	exiting func() bool

	mu      sync.Mutex
	servers []*server
}

// server is a server that has joined a Handover.
type server struct {
	*pending

	mu        sync.Mutex
	listeners []*listener
}

// New returns the Handover of the config that ctx belongs to. It has to be
// called while the config is provisioned. It returns an error when the events
// app cannot be loaded.
func New(ctx caddy.Context, timeout time.Duration) (*Handover, error) {
	events, err := ctx.App("events")
	if err != nil {
		return nil, fmt.Errorf("getting events app: %w", err)
	}
	h := &Handover{timeout: timeout, now: time.Now, exiting: caddy.Exiting}
	if err := events.(*caddyevents.App).On("stopping", h); err != nil {
		return nil, fmt.Errorf("subscribing to the stopping event: %w", err)
	}
	return h, nil
}

// Join has the server that a module is provisioned for take part in the
// handover. It may be called for each module of the server.
func (h *Handover) Join(ctx caddy.Context) {
	httpServer, app := serverOf(ctx)
	if httpServer == nil || app.ShutdownDelay > 0 {
		// With a shutdown delay, Caddy would take each reload for the end: it
		// compares the addresses of configs by who uses them.
		return
	}
	joined := &server{pending: newPending(h.now)}
	shared := false
	for i, address := range httpServer.Listen {
		addr, err := caddy.ParseNetworkAddress(address)
		if err != nil || !shareable(addr) || overlaps(addr, httpServer, app) {
			continue // Caddy reports an error when it validates the app
		}
		sockets.claim(ctx, addr, joined)
		addr.Network = sharedPrefix + addr.Network
		httpServer.Listen[i] = addr.String()
		shared = true
	}
	if !shared {
		return // there is nothing to share, or another module has called Join
	}
	httpServer.RegisterConnState(joined.note)
	h.add(joined)
}

// add adds a server to those that take part.
func (h *Handover) add(s *server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = append(h.servers, s)
}

// serverOf returns the server that a module is provisioned for, and its app, or
// nil when there is none.
func serverOf(ctx caddy.Context) (*caddyhttp.Server, *caddyhttp.App) {
	httpServer, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return nil, nil
	}
	for _, module := range ctx.Modules() {
		if app, ok := module.(*caddyhttp.App); ok {
			return httpServer, app
		}
	}
	return nil, nil
}

// Handle implements [caddyevents.Handler] for the event that the config is about
// to be stopped. Caddy waits until it returns.
func (h *Handover) Handle(context.Context, caddy.Event) error {
	h.mu.Lock()
	servers := h.servers
	h.mu.Unlock()

	// All servers yield before any of them waits.
	var yielded []*server
	for _, s := range servers {
		if s.yield() {
			yielded = append(yielded, s)
		}
	}
	for end := h.now().Add(h.timeout); anyPending(yielded) && h.now().Before(end) && !h.exiting(); {
		time.Sleep(pollInterval)
	}
	return nil
}

// anyPending reports whether any of the servers expects a request.
func anyPending(servers []*server) bool {
	for _, s := range servers {
		if s.expectsRequest() {
			return true
		}
	}
	return false
}

// yield lets the next config have the server's new connections. It reports
// whether there is one that takes any.
func (s *server) yield() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	var yielded []*listener
	for _, l := range s.listeners {
		if l.yield() {
			yielded = append(yielded, l)
		}
	}
	s.listeners = yielded
	return len(yielded) > 0
}

// expectsRequest reports whether a connection of a server that has yielded may
// still bring its first request.
func (s *server) expectsRequest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if !l.isIdle() {
			return true
		}
	}
	return s.any()
}

// listenOn adds a listener to those of the server.
func (s *server) listenOn(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
}

// Interface guards.
var _ caddyevents.Handler = (*Handover)(nil)
