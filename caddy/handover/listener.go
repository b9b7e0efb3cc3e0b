package handover

import (
	"net"
	"slices"
	"sync"
)

// listener is one config's part in a socket.
type listener struct {
	*socket

	pool      *socketPool
	keepAlive net.KeepAliveConfig

	// server is whose listener it is, if that has joined a Handover.
	server *server

	// closing ends the listener once, and done is closed then.
	closing sync.Once
	done    chan struct{}

	// idle says that Accept waits while it is not this listener's turn: the
	// server has been told of all connections that it returned before. The
	// socket's mutex guards it.
	idle bool
}

// keepAliveOf returns how a config wants its connections kept alive, as package
// net does for connections of a socket that was opened with it.
func keepAliveOf(config net.ListenConfig) net.KeepAliveConfig {
	if !config.KeepAliveConfig.Enable && config.KeepAlive >= 0 {
		return net.KeepAliveConfig{Enable: true, Idle: config.KeepAlive}
	}
	return config.KeepAliveConfig
}

// Accept waits until a connection comes while it is this listener's turn.
func (l *listener) Accept() (net.Conn, error) {
	for {
		turn, changed := l.turn()
		select {
		case in := <-turn:
			l.prepare(in.conn)
			return in.conn, in.err
		case <-changed:
		case <-l.done:
			return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
		}
	}
}

// turn returns where connections come from while it is this listener's turn,
// and what is closed when that may have changed.
func (l *listener) turn() (<-chan incomingConn, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = len(l.waiting) == 0 || l.waiting[0] != l
	if l.idle {
		return nil, l.changed
	}
	return l.incoming, l.changed
}

// prepare makes a connection one of this listener's server.
func (l *listener) prepare(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// The socket may have been opened by an earlier config. Whoever reads
		// the connection sees its errors.
		_ = tcp.SetKeepAliveConfig(l.keepAlive)
	}
	if conn != nil && l.server != nil {
		l.server.accept(conn)
	}
}

// yield lets the next listener have the connections from now on, and reports
// whether there is one.
func (l *listener) yield() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.waiting, l)
	if at < 0 || at == len(l.waiting)-1 {
		return false
	}
	l.leave(l)
	return true
}

// isIdle reports whether the server has been told of all connections that Accept
// returned, and will get no more.
func (l *listener) isIdle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.idle
}

// Close ends this listener, and the socket with the last of them. It may be
// called again.
func (l *listener) Close() (err error) {
	l.closing.Do(func() {
		close(l.done)
		l.mu.Lock()
		l.leave(l)
		l.mu.Unlock()
		err = l.pool.release(l.socket)
	})
	return err
}

// Interface guards.
var _ net.Listener = (*listener)(nil)
