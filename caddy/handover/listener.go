package handover

import (
	"net"
	"slices"
	"sync"
)

// listener is the listener of one config on a socket.
type listener struct {
	*socket

	pool      *socketPool
	keepAlive net.KeepAliveConfig

	// server is the server that listens, or nil if it has not joined a Handover.
	server *server

	// closing closes the listener once, and done is closed then.
	closing sync.Once
	done    chan struct{}

	// paused reports whether Accept waits without being able to get a connection.
	// The server has got all connections that Accept returned before. The
	// socket's mutex guards it.
	paused bool
}

// keepAliveOf returns the keep-alive settings of a config, as package net applies
// them to the connections of a socket that was opened with that config.
func keepAliveOf(config net.ListenConfig) net.KeepAliveConfig {
	if !config.KeepAliveConfig.Enable && config.KeepAlive >= 0 {
		return net.KeepAliveConfig{Enable: true, Idle: config.KeepAlive}
	}
	return config.KeepAliveConfig
}

// Accept waits until this is the active listener of its socket and returns the
// next connection.
func (l *listener) Accept() (net.Conn, error) {
	for {
		incoming, changed := l.poll()
		select {
		case in := <-incoming:
			l.prepare(in.conn)
			return in.conn, in.err
		case <-changed:
		case <-l.done:
			return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
		}
	}
}

// poll returns the socket's channel of connections if this is its active listener,
// or else nil, and a channel that is closed when that may have changed.
func (l *listener) poll() (incoming <-chan incomingConn, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = len(l.queue) == 0 || l.queue[0] != l
	if l.paused {
		return nil, l.changed
	}
	return l.incoming, l.changed
}

// prepare sets up an accepted connection for this listener's server.
func (l *listener) prepare(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		// An earlier config may have opened the socket. Whoever reads from the
		// connection gets its errors.
		_ = tcp.SetKeepAliveConfig(l.keepAlive)
	}
	if conn != nil && l.server != nil {
		l.server.addConn(conn)
	}
}

// yield makes the next listener the active one. It reports whether there is one.
func (l *listener) yield() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := slices.Index(l.queue, l)
	if at < 0 || at == len(l.queue)-1 {
		return false
	}
	l.leave(l)
	return true
}

// isPaused reports whether the server has got all connections of a listener that
// has yielded.
func (l *listener) isPaused() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.paused
}

// Close closes the listener, and the socket with its last listener. It may be
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
