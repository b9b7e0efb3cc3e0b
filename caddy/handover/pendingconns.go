package handover

import (
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// firstRequestTimeout is how long a connection without a request counts as
	// pending after it was accepted. A client that connects for a request sends
	// it immediately, which takes one round trip, three with TLS, or seconds if a
	// packet is lost. Browsers also connect in advance and send nothing; net/http
	// closes such connections after the same time when it shuts down.
	firstRequestTimeout = 5 * time.Second

	// requestGrace is how long the server still counts as pending after its last
	// first request has arrived: net/http reports a request a few instructions
	// before it checks whether it is shutting down.
	requestGrace = 10 * time.Millisecond
)

// pendingConns has the pending connections of one server: those that have not
// brought a request yet. When a server shuts down, net/http closes such a
// connection as soon as it brings one (golang/go#75591). It is safe for
// concurrent use.
type pendingConns struct {
	// now is the clock.
	now func() time.Time

	mu sync.Mutex
	// accepted has, in order, the connections that the listeners have accepted
	// and the server has not got yet. A listener wrapper may delay connections,
	// and it may drop some.
	accepted []acceptedConn
	// since has the time at which each pending connection that the server has
	// got was accepted.
	since map[net.Conn]time.Time
	// lastResolved is when a connection last stopped being pending.
	lastResolved time.Time
}

// acceptedConn is a connection and when it was accepted.
type acceptedConn struct {
	conn net.Conn
	at   time.Time
}

// newPendingConns returns a pendingConns without connections.
func newPendingConns(now func() time.Time) *pendingConns {
	return &pendingConns{now: now, since: map[net.Conn]time.Time{}}
}

// addConn adds a connection that a listener has accepted.
func (p *pendingConns) addConn(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropOld()
	p.accepted = append(p.accepted, acceptedConn{conn, p.now()})
}

// dropOld drops accepted connections that are not pending any more.
func (p *pendingConns) dropOld() {
	old := 0
	for old < len(p.accepted) && p.now().Sub(p.accepted[old].at) >= firstRequestTimeout {
		old++
	}
	p.accepted = slices.Delete(p.accepted, 0, old)
}

// connState is the server's ConnState callback.
func (p *pendingConns) connState(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == http.StateNew {
		p.since[conn] = p.takeAccepted(conn)
		return
	}
	if _, pending := p.since[conn]; pending {
		delete(p.since, conn)
		p.lastResolved = p.now()
	}
}

// takeAccepted removes a connection that the server has got from those accepted,
// and returns when it was accepted. If a listener wrapper hides which connection
// it is, it is taken for the oldest one. Its address would tell, but with the
// PROXY protocol asking for that waits for the first bytes.
func (p *pendingConns) takeAccepted(conn net.Conn) time.Time {
	if tlsConn, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tlsConn.NetConn()
	}
	if len(p.accepted) == 0 {
		return p.now()
	}
	found := max(0, slices.IndexFunc(p.accepted, func(accepted acceptedConn) bool { return accepted.conn == conn }))
	at := p.accepted[found].at
	p.accepted = slices.Delete(p.accepted, found, found+1)
	return at
}

// hasPending reports whether a first request may still arrive, or has just
// arrived.
func (p *pendingConns) hasPending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dropOld()
	if len(p.accepted) > 0 || p.now().Sub(p.lastResolved) < requestGrace {
		return true
	}
	for _, since := range p.since {
		if p.now().Sub(since) < firstRequestTimeout {
			return true
		}
	}
	return false
}
