package handover

import (
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// firstRequestTimeout is how long after it was accepted a connection
	// without a request keeps its server from stopping. A client that connects
	// for a request sends it at once, which takes a round trip, or three with
	// TLS, or seconds when a packet is lost. Browsers also make connections in
	// advance and send nothing on them; net/http gives those up after this time
	// when it shuts down.
	firstRequestTimeout = 5 * time.Second

	// requestGrace is how long the server is given after the last first request
	// has arrived: net/http reports the request a few instructions before it
	// checks whether it is shutting down.
	requestGrace = 10 * time.Millisecond
)

// pending knows the connections of one server that have brought no request yet.
// When a server shuts down, net/http closes them as soon as they bring one
// (golang/go#75591). It is safe for concurrent use.
type pending struct {
	// now is the clock.
	now func() time.Time

	mu sync.Mutex
	// accepted has, in order, the connections that the listeners have accepted
	// and the server has not seen yet. A listener wrapper may hold some back,
	// and it may drop some.
	accepted []acceptedConn
	// since has the time when each connection that the server has seen, and
	// that has brought no request, was accepted.
	since map[net.Conn]time.Time
	// lastRequest is when a connection was last seen to bring its first
	// request, or to close without one.
	lastRequest time.Time
}

// acceptedConn is a connection as a listener has accepted it.
type acceptedConn struct {
	conn net.Conn
	at   time.Time
}

// newPending returns a pending without connections.
func newPending(now func() time.Time) *pending {
	return &pending{now: now, since: map[net.Conn]time.Time{}}
}

// accept is told each connection before the server gets it.
func (p *pending) accept(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld()
	p.accepted = append(p.accepted, acceptedConn{conn, p.now()})
}

// forgetOld forgets accepted connections that are too old to count.
func (p *pending) forgetOld() {
	old := 0
	for old < len(p.accepted) && p.now().Sub(p.accepted[old].at) >= firstRequestTimeout {
		old++
	}
	p.accepted = append(p.accepted[:0], p.accepted[old:]...)
}

// note is told each new state of the server's connections.
func (p *pending) note(conn net.Conn, state http.ConnState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state == http.StateNew {
		p.since[conn] = p.arrive(conn)
		return
	}
	if _, first := p.since[conn]; first {
		delete(p.since, conn)
		p.lastRequest = p.now()
	}
}

// arrive takes a connection that the server has got out of those accepted, and
// returns when it was accepted. One that a listener wrapper has hidden counts as
// the oldest of them: its address is not asked for, as with the PROXY protocol
// that would wait for its first bytes.
func (p *pending) arrive(conn net.Conn) time.Time {
	if tlsConn, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tlsConn.NetConn()
	}
	if len(p.accepted) == 0 {
		return p.now()
	}
	found := 0
	for i := range p.accepted {
		if p.accepted[i].conn == conn {
			found = i
			break
		}
	}
	at := p.accepted[found].at
	p.accepted = append(p.accepted[:found], p.accepted[found+1:]...)
	return at
}

// any reports whether there may be a request to come on a connection, or one
// that has just come.
func (p *pending) any() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetOld()
	if len(p.accepted) > 0 || p.now().Sub(p.lastRequest) < requestGrace {
		return true
	}
	for _, since := range p.since {
		if p.now().Sub(since) < firstRequestTimeout {
			return true
		}
	}
	return false
}
