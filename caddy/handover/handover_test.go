package handover

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
)

// patience is how long to wait for something that has to happen.
const patience = 30 * time.Second

// replaced is a config of one server that another config replaces.
type replaced struct {
	*Handover
	*server
	addr    caddy.NetworkAddress
	clock   atomic.Int64 // nanoseconds
	exiting atomic.Bool

	// observed has the results of its handovers, and waited how long they took.
	observed []Result
	waited   time.Duration
}

// pass advances the clock.
func (r *replaced) pass(d time.Duration) {
	r.clock.Add(int64(d))
}

// serveReplaced serves on an address until the test ends. If wrap is not nil, it
// wraps the listener.
func serveReplaced(t *testing.T, wrap func(net.Listener) net.Listener) *replaced {
	t.Helper()
	r := &replaced{addr: freeAddress(t)}
	now := func() time.Time { return time.Unix(1000, r.clock.Load()) }
	r.Handover = &Handover{timeout: DefaultTimeout, now: now, exiting: r.exiting.Load}
	r.Observe = func(result Result, waited time.Duration) {
		r.observed = append(r.observed, result)
		r.waited += waited
	}
	r.server = &server{pendingConns: newPendingConns(now)}
	r.add(r.server)
	sockets.claim(t.Context(), r.addr, r.server)
	httpServer := &http.Server{
		ReadHeaderTimeout: time.Minute,
		ConnState:         r.connState,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "the old server")
		}),
	}
	l := net.Listener(share(t, r.addr))
	if wrap != nil {
		l = wrap(l)
	}
	go func() { _ = httpServer.Serve(l) }()
	t.Cleanup(func() { _ = httpServer.Close() })
	return r
}

// connect makes a connection and waits until the server has accepted it.
func (r *replaced) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr.JoinHostPort(0))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.Eventually(t, r.hasPending, patience, time.Millisecond)
	return conn
}

// stop emits the event "stopping", and closes the channel when Caddy would stop
// the config.
func (r *replaced) stop(t *testing.T) <-chan struct{} {
	t.Helper()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = r.Handle(t.Context(), caddy.Event{})
	}()
	return stopped
}

// requireStops waits until Caddy would stop the config.
func requireStops(t *testing.T, stopped <-chan struct{}) {
	t.Helper()
	select {
	case <-stopped:
	case <-time.After(patience):
		require.FailNow(t, "the config does not stop")
	}
}

// requireWaits checks that the config still waits after the next one has become
// active.
func requireWaits(t *testing.T, next *listener, stopped <-chan struct{}) {
	t.Helper()
	require.Eventually(t, func() bool {
		incoming, _ := next.poll()
		return incoming != nil
	}, patience, time.Millisecond)
	select {
	case <-stopped:
		require.FailNow(t, "the config does not wait")
	case <-time.After(20 * pollInterval):
	}
}

func TestHandoverWaitsForTheFirstRequest(t *testing.T) {
	r := serveReplaced(t, nil)
	conn := r.connect(t)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n")
	require.NoError(t, err)

	next := share(t, r.addr)
	stopped := r.stop(t)
	requireWaits(t, next, stopped)
	_, err = io.WriteString(conn, "\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, "the old server", string(body))
	r.pass(requestGrace)
	requireStops(t, stopped)
	assert.Equal(t, []Result{Waited}, r.observed)
	assert.Equal(t, requestGrace, r.waited)
}

func TestHandoverIgnoresIdleConnections(t *testing.T) {
	r := serveReplaced(t, nil)
	r.connect(t)
	share(t, r.addr)
	stopped := r.stop(t)
	r.pass(firstRequestTimeout)
	requireStops(t, stopped)
}

func TestHandoverWaitsNoLongerThanItsTimeout(t *testing.T) {
	r := serveReplaced(t, nil)
	r.timeout = firstRequestTimeout / 2
	r.connect(t)
	next := share(t, r.addr)
	stopped := r.stop(t)
	requireWaits(t, next, stopped)
	r.pass(r.timeout)
	requireStops(t, stopped)
	assert.Equal(t, []Result{TimedOut}, r.observed)
	assert.Equal(t, r.timeout, r.waited)
}

func TestHandoverStopsWaitingWhenCaddyExits(t *testing.T) {
	r := serveReplaced(t, nil)
	r.connect(t)
	next := share(t, r.addr)
	stopped := r.stop(t)
	requireWaits(t, next, stopped)
	r.exiting.Store(true)
	requireStops(t, stopped)
	assert.Equal(t, []Result{Waited}, r.observed)
}

func TestHandoverDoesNotWaitWithoutANextConfig(t *testing.T) {
	r := serveReplaced(t, nil)
	r.connect(t)
	requireStops(t, r.stop(t))
	assert.Empty(t, r.observed, "nothing was handed over")
	r.connect(t) // it serves until it is shut down
}

// heldListener holds connections back after it has accepted them, as listener
// wrappers do that read the first bytes.
type heldListener struct {
	net.Listener
	held    chan net.Conn
	release chan struct{}
}

func (h *heldListener) run() {
	for {
		conn, err := h.Listener.Accept()
		if err != nil {
			return
		}
		h.held <- conn
	}
}

func (h *heldListener) Accept() (net.Conn, error) {
	if _, open := <-h.release; !open {
		return nil, net.ErrClosed
	}
	return &wrappedConn{<-h.held}, nil
}

func (h *heldListener) Close() error {
	close(h.release)
	return h.Listener.Close()
}

// wrappedConn hides the connection that it wraps.
type wrappedConn struct{ net.Conn }

func TestHandoverWaitsForConnectionsHeldByAListenerWrapper(t *testing.T) {
	held := &heldListener{held: make(chan net.Conn, 10), release: make(chan struct{}, 10)}
	r := serveReplaced(t, func(l net.Listener) net.Listener {
		held.Listener = l
		go held.run()
		return held
	})
	conn := r.connect(t)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	require.NoError(t, err)
	next := share(t, r.addr)
	stopped := r.stop(t)
	requireWaits(t, next, stopped)
	held.release <- struct{}{}
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	r.pass(requestGrace)
	requireStops(t, stopped)
}

func TestHandoverForgetsConnectionsDroppedByAListenerWrapper(t *testing.T) {
	p := newPendingConns(time.Now)
	clock := time.Unix(1000, 0)
	p.now = func() time.Time { return clock }
	for range 1000 {
		p.addConn(new(net.TCPConn))
		clock = clock.Add(firstRequestTimeout / 10)
	}
	assert.LessOrEqual(t, len(p.accepted), 10)
	clock = clock.Add(firstRequestTimeout)
	assert.False(t, p.hasPending())
}
