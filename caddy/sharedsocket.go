package caddy

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
var sockets = newSharedSockets()

// sharedSockets lets the servers of one config after another listen on the same
// socket. By itself Caddy opens a new one for each config (SO_REUSEPORT), on
// nearly every system, and closes the old one; and what the old one has not
// accepted by then, the system resets. It is safe for concurrent use.
type sharedSockets struct {
	// mu guards the sockets and listeners too.
	mu sync.Mutex

	// open has the sockets by address.
	open map[string]*sharedSocket

	// claims says whose server listens on an address next.
	claims map[string]*newcomers
}

// sharedSocket is a listening socket that is open as long as anybody listens on
// it. Its connections go to the first who does, until that one yields or closes:
// when Caddy stops a config it has the next one up, all of it, but when the
// next one begins to listen it may lack its certificates still, or fail.
type sharedSocket struct {
	net.Listener

	address  string
	accepted chan accepted
	closed   chan struct{}

	// users is how many listeners are open, and waiting has those of them that
	// have not yielded, in turn. changed is closed when waiting changes.
	users   int
	waiting []*sharedListener
	changed chan struct{}
}

// accepted is what a socket's Accept has returned.
type accepted struct {
	conn net.Conn
	err  error
}

// sharedListener is one server's part in a socket.
type sharedListener struct {
	*sharedSocket

	all       *sharedSockets
	keepAlive net.KeepAliveConfig

	// done is closed when the listener is.
	done chan struct{}

	// parked says that Accept waits while it is another's turn: whatever it
	// has returned before, the server has noted.
	parked bool
}

// newSharedSockets returns no sockets.
func newSharedSockets() *sharedSockets {
	return &sharedSockets{open: map[string]*sharedSocket{}, claims: map[string]*newcomers{}}
}

// claim says that the next to listen on an address is this server. Caddy loads
// one config at a time, so nobody comes between.
func (s *sharedSockets) claim(addr caddy.NetworkAddress, server *newcomers) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, each := range addr.Expand() {
		s.claims[each.String()] = server
	}
}

// listen implements [caddy.ListenerFunc].
func (s *sharedSockets) listen(ctx context.Context, network, host, ports string, offset uint, config net.ListenConfig) (any, error) {
	address := caddy.JoinNetworkAddress(strings.TrimPrefix(network, sharedPrefix), host, ports)
	addr, err := caddy.ParseNetworkAddress(address)
	if err != nil {
		return nil, fmt.Errorf("parsing address '%s' of a shared socket: %w", address, err)
	}
	addr = addr.At(offset)
	address = addr.String()

	s.mu.Lock()
	defer s.mu.Unlock()
	socket := s.open[address]
	if socket == nil {
		if socket, err = openShared(ctx, addr, config); err != nil {
			return nil, err
		}
		s.open[address] = socket
	}
	l := &sharedListener{sharedSocket: socket, all: s, keepAlive: config.KeepAliveConfig, done: make(chan struct{})}
	socket.users++
	socket.waiting = append(socket.waiting, l)
	if server := s.claims[address]; server != nil {
		delete(s.claims, address)
		server.listeners = append(server.listeners, l)
	}
	return l, nil
}

// openShared opens a socket. It is one of Caddy's own, so that the servers of
// configs without this module, before and after, can listen beside it.
func openShared(ctx context.Context, addr caddy.NetworkAddress, config net.ListenConfig) (*sharedSocket, error) {
	opened, err := addr.Listen(ctx, 0, config)
	if err != nil {
		return nil, err
	}
	listener, ok := opened.(net.Listener)
	if !ok {
		return nil, fmt.Errorf("listening on '%s': a %T has no connections to share", addr, opened)
	}
	socket := &sharedSocket{
		Listener: listener,
		address:  addr.String(),
		accepted: make(chan accepted),
		closed:   make(chan struct{}),
		changed:  make(chan struct{}),
	}
	go socket.accept()
	return socket, nil
}

// accept accepts connections for whoever's turn it is.
func (s *sharedSocket) accept() {
	for {
		conn, err := s.Accept()
		select {
		case s.accepted <- accepted{conn, err}:
		case <-s.closed:
			if conn != nil {
				_ = conn.Close()
			}
			return
		}
	}
}

// Accept waits until a connection comes while it is this listener's turn.
func (l *sharedListener) Accept() (net.Conn, error) {
	for {
		var turn <-chan accepted
		l.all.mu.Lock()
		l.parked = len(l.waiting) == 0 || l.waiting[0] != l
		if !l.parked {
			turn = l.accepted
		}
		changed := l.changed
		l.all.mu.Unlock()

		select {
		case a := <-turn:
			if tcp, ok := a.conn.(*net.TCPConn); ok && l.keepAlive.Enable {
				// The socket may have the options of an earlier config. Of
				// an error, whoever reads the connection hears too.
				_ = tcp.SetKeepAliveConfig(l.keepAlive)
			}
			return a.conn, a.err
		case <-changed:
		case <-l.done:
			return nil, &net.OpError{Op: "accept", Net: l.Addr().Network(), Addr: l.Addr(), Err: net.ErrClosed}
		}
	}
}

// yield lets the next listener have the connections from now on, and reports
// whether there is one.
func (l *sharedListener) yield() bool {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	at := slices.Index(l.waiting, l)
	if at < 0 || at == len(l.waiting)-1 {
		return false
	}
	l.leave()
	return true
}

// leave ends a listener's turn, or its waiting for it.
func (l *sharedListener) leave() {
	if at := slices.Index(l.waiting, l); at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
		close(l.changed)
		l.changed = make(chan struct{})
	}
}

// isParked reports whether the server has noted all that Accept returned, and
// will get no more.
func (l *sharedListener) isParked() bool {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	return l.parked
}

// Close ends this listener, and the socket with the last of them. It may be
// called again.
func (l *sharedListener) Close() error {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	select {
	case <-l.done:
		return nil
	default:
	}
	close(l.done)
	l.leave()
	if l.users--; l.users > 0 {
		return nil
	}
	delete(l.all.open, l.address)
	close(l.closed)
	return l.Listener.Close()
}

// Interface guards.
var (
	_ caddy.ListenerFunc = sockets.listen
	_ net.Listener       = (*sharedListener)(nil)
)
