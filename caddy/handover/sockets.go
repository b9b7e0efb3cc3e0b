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

// sharedPrefix is the prefix of the networks whose sockets are handed over.
const sharedPrefix = "affinity-"

// ConfiguredAddress returns an address of a server as its config has it, without the
// network "tcp", which is the default.
func ConfiguredAddress(address string) string {
	return strings.TrimPrefix(strings.TrimPrefix(address, sharedPrefix), "tcp/")
}

func init() {
	for tcp, udp := range map[string]string{"tcp": "udp", "tcp4": "udp4", "tcp6": "udp6"} {
		caddy.RegisterNetwork(sharedPrefix+tcp, sockets.listen)
		caddyhttp.RegisterNetworkHTTP3(sharedPrefix+tcp, udp)
	}
}

// sockets has all shared sockets of this process. It outlives the configs.
var sockets = newSocketPool()

// socketPool has the shared sockets by address. It is safe for concurrent use.
type socketPool struct {
	mu sync.Mutex

	// open has the sockets that are open or being opened.
	open map[string]*socket

	// claims has the server that is the next to listen on an address.
	claims map[string]*server
}

// socket is a listening socket that is open while any config listens on it. Its
// connections go to the oldest listener that has not yielded. When a new config
// begins to listen, it may still lack certificates, or fail; when Caddy stops the
// old config, the new one has started.
type socket struct {
	net.Listener

	address  string
	incoming chan incomingConn
	closed   chan struct{}

	// opened is closed when the socket is open, or could not be opened because
	// of err.
	opened chan struct{}
	err    error

	// mu guards the following fields. If the pool's mutex is needed too, it is
	// locked first.
	mu sync.Mutex
	// users is how many listeners are open or being opened.
	users int
	// queue has the listeners that have not yielded, the oldest first. That one
	// is active: it gets the connections.
	queue []*listener
	// changed is closed and replaced when queue changes.
	changed chan struct{}
}

// incomingConn is a result of a socket's Accept.
type incomingConn struct {
	conn net.Conn
	err  error
}

// newSocketPool returns a pool without sockets.
func newSocketPool() *socketPool {
	return &socketPool{open: map[string]*socket{}, claims: map[string]*server{}}
}

// claim records that a server is the next to listen on an address. Caddy loads one
// config at a time, so no other server comes before. A claim ends with the config.
func (p *socketPool) claim(ctx context.Context, addr caddy.NetworkAddress, s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, each := range addr.Expand() {
		address := each.String()
		p.claims[address] = s
		context.AfterFunc(ctx, func() { p.withdrawClaim(address, s) })
	}
}

// withdrawClaim withdraws the claim of a server, if it is still there.
func (p *socketPool) withdrawClaim(address string, s *server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.claims[address] == s {
		delete(p.claims, address)
	}
}

// takeClaim returns the server that has claimed an address, if any, and ends the
// claim.
func (p *socketPool) takeClaim(address string) *server {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.claims[address]
	delete(p.claims, address)
	return s
}

// listen implements [caddy.ListenerFunc]. The listener closes with the context, so
// that a config that fails to start leaves none behind.
func (p *socketPool) listen(ctx context.Context, network, host, ports string, offset uint, config net.ListenConfig) (any, error) {
	address := caddy.JoinNetworkAddress(strings.TrimPrefix(network, sharedPrefix), host, ports)
	addr, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, fmt.Errorf("parsing address '%s' of a shared socket: %w", address, err)
	}
	addr = addr.At(offset)

	s, isNew := p.acquire(addr.String())
	if isNew {
		// This may wait for a name server, so no lock is held.
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

	l := &listener{socket: s, pool: p, server: p.takeClaim(s.address), keepAlive: keepAliveOf(config), done: make(chan struct{})}
	if l.server != nil {
		l.server.addListener(l)
	}
	s.join(l)
	context.AfterFunc(ctx, func() { _ = l.Close() })
	return l, nil
}

// acquire returns the socket of an address for one more listener. It reports
// whether the caller has to open it.
func (p *socketPool) acquire(address string) (s *socket, isNew bool) {
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
		return nil // opening it failed
	}
	close(s.closed)
	return s.Close()
}

// open opens a socket. It uses Caddy's own networks, so that configs without the
// handover, earlier or later ones, can listen on the same address.
func open(ctx context.Context, addr caddy.NetworkAddress, config net.ListenConfig) (net.Listener, error) {
	opened, err := addr.Listen(ctx, 0, config)
	if err != nil {
		return nil, err
	}
	l, ok := opened.(net.Listener)
	if !ok {
		return nil, fmt.Errorf("listening on '%s': %T is not a net.Listener", addr, opened)
	}
	return l, nil
}

// accept accepts connections for the active listener.
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

// join adds a listener to the queue.
func (s *socket) join(l *listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = append(s.queue, l)
}

// leave removes a listener from the queue. The caller holds the lock.
func (s *socket) leave(l *listener) {
	if at := slices.Index(s.queue, l); at >= 0 {
		s.queue = slices.Delete(s.queue, at, at+1)
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

// Interface guards.
var _ caddy.ListenerFunc = sockets.listen
