package handover

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// sharedPrefix makes of the name of a TCP network that of its shared
// counterpart.
const sharedPrefix = "affinity-"

func init() {
	for tcp, udp := range map[string]string{"tcp": "udp", "tcp4": "udp4", "tcp6": "udp6"} {
		caddy.RegisterNetwork(sharedPrefix+tcp, sockets.listen)
		caddyhttp.RegisterNetworkHTTP3(sharedPrefix+tcp, udp)
	}
}

// sockets has every shared socket of this process. It outlives the configs.
var sockets = newSocketPool()

// socketPool has the shared sockets by address. It is safe for concurrent use.
type socketPool struct {
	mu sync.Mutex

	// open has the sockets, and those that are about to be opened.
	open map[string]*socket

	// claims has the server that listens on an address next.
	claims map[string]*server
}

// socket is a listening socket that is open as long as any config listens on
// it. Its connections go to the oldest config that has not yielded: when Caddy
// stops a config, all of the next one is up, but when the next one begins to
// listen, it may lack certificates, or still fail.
type socket struct {
	net.Listener

	address  string
	incoming chan incomingConn
	closed   chan struct{}

	// opened is closed when the socket is open, or could not be opened, of which
	// err tells.
	opened chan struct{}
	err    error

	// mu guards what follows. The pool's mutex, if it is needed too, is locked
	// first.
	mu sync.Mutex
	// users is how many listeners are open or about to be.
	users int
	// waiting has the listeners that have not yielded, the oldest first.
	waiting []*listener
	// changed is closed and replaced when waiting changes.
	changed chan struct{}
}

// incomingConn is what a socket's Accept has returned.
type incomingConn struct {
	conn net.Conn
	err  error
}

// newSocketPool returns a pool without sockets.
func newSocketPool() *socketPool {
	return &socketPool{open: map[string]*socket{}, claims: map[string]*server{}}
}

// claim says that the next to listen on an address is this server. Caddy loads
// one config at a time, so nobody comes between. A claim ends with its config.
func (p *socketPool) claim(ctx context.Context, addr caddy.NetworkAddress, s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range addr.Expand() {
		address := each.String()
		p.claims[address] = s
		context.AfterFunc(ctx, func() { p.unclaim(address, s) })
	}
}

// unclaim withdraws a claim, if it is still there, and reports whether it was.
func (p *socketPool) unclaim(address string, s *server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claims[address] != s {
		return false
	}
	delete(p.claims, address)
	return true
}

// claimant returns the server that has claimed an address, if any.
func (p *socketPool) claimant(address string) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.claims[address]
}

// listen implements [caddy.ListenerFunc]. The listener closes with the context,
// so that a config that fails to start leaves none behind.
func (p *socketPool) listen(ctx context.Context, network, host, ports string, offset uint, config net.ListenConfig) (any, error) {
	address := caddy.JoinNetworkAddress(strings.TrimPrefix(network, sharedPrefix), host, ports)
	addr, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, fmt.Errorf("parsing address '%s' of a shared socket: %w", address, err)
	}
	addr = addr.At(offset)

	s, isNew := p.use(addr.String())
	if isNew {
		// This may wait for a name server, so it holds no lock.
		s.Listener, s.err = open(ctx, addr, config)
		close(s.opened)
		if s.err == nil {
			go s.accept()
		}
	}
	<-s.opened
	if s.err != nil {
		_ = p.release(s) // there is nothing to close
		return nil, s.err
	}

	l := &listener{socket: s, pool: p, keepAlive: keepAliveOf(config), done: make(chan struct{})}
	if server := p.claimant(s.address); server != nil && p.unclaim(s.address, server) {
		l.server = server
		server.listenOn(l)
	}
	s.join(l)
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return l, nil
}

// use returns the socket of an address, for one more listener. It reports
// whether the caller has to open it.
func (p *socketPool) use(address string) (s *socket, isNew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, known := p.open[address]
	if !known {
		s = &socket{
			address:  address,
			incoming: make(chan incomingConn),
			closed:   make(chan struct{}),
			opened:   make(chan struct{}),
			changed:  make(chan struct{}),
		}
		p.open[address] = s
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	return s, !known
}

// release ends a listener's use of a socket, and closes the socket with its
// last user.
func (p *socketPool) release(s *socket) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return nil
	}
	delete(p.open, s.address)
	if s.Listener == nil {
		return nil // it could not be opened
	}
	close(s.closed)
	return s.Close()
}

// open opens a socket. It is one of Caddy's own, so that the servers of configs
// without this module, before and after, can listen beside it.
func open(ctx context.Context, addr caddy.NetworkAddress, config net.ListenConfig) (net.Listener, error) {
	opened, err := addr.Listen(ctx, 0, config)
	if err != nil {
		return nil, err
	}
	l, ok := opened.(net.Listener)
	if !ok {
		return nil, fmt.Errorf("listening on '%s': a %T has no connections to share", addr, opened)
	}
	return l, nil
}

// accept accepts connections for the listener whose turn it is.
func (s *socket) accept() {
	for {
		conn, err := s.Accept()
		select {
		case s.incoming <- incomingConn{conn, err}:
		case <-s.closed:
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// join adds a listener to those that wait for their turn.
func (s *socket) join(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, l)
}

// leave ends a listener's turn, or its wait for it. The caller holds the lock.
func (s *socket) leave(l *listener) {
	if at := slices.Index(s.waiting, l); at >= 0 {
		s.waiting = slices.Delete(s.waiting, at, at+1)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Interface guards.
var _ caddy.ListenerFunc = sockets.listen
