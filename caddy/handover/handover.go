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

// DefaultTimeout is the default of how long a replaced config waits at most for
// the first requests on connections that it has accepted. net/http also waits
// this long before it closes such connections when a server shuts down.
const DefaultTimeout = 5 * time.Second

// pollInterval is how often a replaced config checks for pending connections.
const pollInterval = time.Millisecond

// Handover hands the listening sockets of one config over to the next one.
type Handover struct {
	// Observe, if it is not nil, is called when the sockets were handed over, with
	// how that ended and how long the config waited.
	Observe func(Result, time.Duration)

	timeout time.Duration

	// now is the clock. exiting reports whether Caddy is exiting.
	now     func() time.Time
	exiting func() bool

	mu      sync.Mutex
	servers []*server
}

// Result is how the handover of a config's sockets ended.
type Result uint8

const (
	// Immediate is that the config had no connection to wait for.
	Immediate Result = iota

	// Waited is that the config waited until no connection was pending, or Caddy exited.
	Waited

	// TimedOut is that connections were still pending after the timeout.
	TimedOut
)

// NumResults is the number of results. They are numbered from 0.
const NumResults = 3

// resultNames has the names of the results.
var resultNames = []string{"immediate", "waited", "timed_out"}

// String returns the name of the result: immediate, waited or timed_out.
func (r Result) String() string { return resultNames[r] }

// server is a server whose sockets are handed over.
type server struct {
	*pendingConns

	mu        sync.Mutex
	listeners []*listener
}

// New returns the Handover of the config of ctx. It must be called while that
// config is provisioned. A replaced config waits for the timeout at most. New
// returns an error if the events app cannot be loaded.
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

// Join adds the HTTP server that the module of ctx is provisioned for, and
// rewrites the server's addresses; see the package documentation. It may be
// called for each module of the server. If the module belongs to no server, Join
// does nothing.
func (h *Handover) Join(ctx caddy.Context) {
	httpServer, app := serverOf(ctx)
	if httpServer == nil || app.ShutdownDelay > 0 {
		// With a shutdown delay, Caddy counts which listeners of its own use an
		// address. As it would find none, it would delay every reload.
		return
	}
	joined := &server{pendingConns: newPendingConns(h.now)}
	rewritten := false
	for i, address := range httpServer.Listen {
		addr, err := caddy.ParseNetworkAddress(address)
		if err != nil || !shareable(addr) || overlaps(addr, httpServer, app) {
			continue // Caddy reports an error when it validates the app
		}
		sockets.claim(ctx, addr, joined)
		addr.Network = sharedPrefix + addr.Network
		httpServer.Listen[i] = addr.String()
		rewritten = true
	}
	if !rewritten {
		return // there is nothing to hand over, or another module has called Join
	}
	httpServer.RegisterConnState(joined.connState)
	h.add(joined)
}

// add adds a server.
func (h *Handover) add(s *server) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = append(h.servers, s)
}

// serverOf returns the HTTP server that the module of ctx is provisioned for, and
// its app, or nil if there is none.
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

// Handle implements [caddyevents.Handler] for the event "stopping" of the config.
// Caddy stops the config when it returns.
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
	if len(yielded) > 0 {
		h.observe(h.wait(yielded))
	}
	return nil
}

// wait waits until no connection of the servers is pending, and returns how that
// ended and how long it took.
func (h *Handover) wait(yielded []*server) (Result, time.Duration) {
	start := h.now()
	result := Immediate
	for anyPending(yielded) {
		if h.now().Sub(start) >= h.timeout {
			return TimedOut, h.now().Sub(start)
		}
		result = Waited
		if h.exiting() {
			break
		}
		time.Sleep(pollInterval)
	}
	return result, h.now().Sub(start)
}

// observe calls Observe.
func (h *Handover) observe(result Result, waited time.Duration) {
	if h.Observe != nil {
		h.Observe(result, waited)
	}
}

// anyPending reports whether any of the servers has pending connections.
func anyPending(servers []*server) bool {
	for _, s := range servers {
		if s.isPending() {
			return true
		}
	}
	return false
}

// yield has new connections go to the next config. It reports whether the next
// config listens on any of the server's sockets.
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

// isPending reports whether a server that has yielded has pending connections, or
// may still get one.
func (s *server) isPending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if !l.isPaused() {
			return true
		}
	}
	return s.hasPending()
}

// addListener adds a listener of the server.
func (s *server) addListener(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
}

// Interface guards.
var _ caddyevents.Handler = (*Handover)(nil)
