// Package engineio has nodes and clients of the Engine.IO protocol that cost little
// CPU time, so that a benchmark of a proxy measures the proxy. The nodes answer what
// stock ones answer, at once, and keep no sessions: they know their own by how the
// session ID begins.
package engineio

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Message is what each poll gets, an event of Socket.IO's.
	Message = `42["hello",{"node":"a"}]`

	// SIDLength is the length of Engine.IO's own session IDs.
	SIDLength = 20

	// hold is the query parameter of a poll that waits until the client leaves.
	hold = "&hold=1"

	// anyNode is the query parameter of a poll that every node answers.
	anyNode = "&any=1"

	// nodeCookie is the query parameter of a handshake that gets a cookie.
	nodeCookie = "&cookie=1"
)

// Node is a node on a loopback address.
type Node struct {
	// Name is one letter, with which its session IDs begin.
	Name string
	// Address is host:port.
	Address string

	server *http.Server
	opened atomic.Int64
	// era is in the session IDs, and changes when the node is restarted.
	era string

	mu    sync.Mutex
	conns map[net.Conn]struct{} // of WebSockets
}

// StartNodes starts nodes on free ports, with sessions of this era, one character.
func StartNodes(names, era string) ([]*Node, error) {
	nodes := make([]*Node, 0, len(names))
	for _, name := range names {
		n, err := StartNode(string(name), era, "127.0.0.1:0")
		if err != nil {
			StopNodes(nodes)
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// StartNode starts a node at an address: host:port, or unix/ and a path.
func StartNode(name, era, address string) (*Node, error) {
	network, address := "tcp", address
	if path, isUnix := strings.CutPrefix(address, "unix/"); isUnix {
		network, address = "unix", path
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("starting node %s: %w", name, err)
	}
	n := &Node{Name: name, Address: listener.Addr().String(), era: era, conns: map[net.Conn]struct{}{}}
	n.server = &http.Server{Handler: n, ReadHeaderTimeout: time.Minute}
	go func() { _ = n.server.Serve(listener) }() // it returns when the node stops
	return n, nil
}

// StopNodes stops nodes.
func StopNodes(nodes []*Node) {
	for _, n := range nodes {
		n.Stop()
	}
}

// Addresses returns the addresses of nodes.
func Addresses(nodes []*Node) []string {
	addresses := make([]string, len(nodes))
	for i, n := range nodes {
		addresses[i] = n.Address
	}
	return addresses
}

// Stop closes the listener and all connections.
func (n *Node) Stop() {
	_ = n.server.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		_ = conn.Close()
	}
}

// ServeHTTP implements [http.Handler].
func (n *Node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/health" {
		reply(w, http.StatusOK, "text/plain", "")
		return
	}
	sid := r.URL.Query().Get("sid")
	own := sid == "" || strings.Contains(r.URL.RawQuery, anyNode) || strings.HasPrefix(sid, n.Name+n.era) && len(sid) == SIDLength
	switch {
	case !own:
		reply(w, http.StatusBadRequest, "application/json", `{"code":1,"message":"Session ID unknown"}`)
	case r.Header.Get("Upgrade") != "":
		n.serveWebSocket(w, r)
	case sid == "":
		packet := n.openPacket()
		if strings.Contains(r.URL.RawQuery, nodeCookie) {
			w.Header().Set("Set-Cookie", "io="+packet[len(`0{"sid":"`):][:SIDLength]+"; Path=/; HttpOnly; SameSite=Lax")
		}
		if strings.Contains(r.URL.RawQuery, "EIO=3") {
			packet = fmt.Sprintf("%d:%s", len(packet), packet)
		}
		reply(w, http.StatusOK, "text/plain; charset=UTF-8", packet)
	case strings.Contains(r.URL.RawQuery, hold):
		n.hold(r.Context())
	default:
		reply(w, http.StatusOK, "text/plain; charset=UTF-8", Message)
	}
}

// hold waits until a client has left, or the node is stopped.
func (n *Node) hold(ctx context.Context) {
	<-ctx.Done()
}

// openPacket opens a session.
func (n *Node) openPacket() string {
	prefix := n.Name + n.era
	sid := fmt.Sprintf("%s%0*d", prefix, SIDLength-len(prefix), n.opened.Add(1))
	return `0{"sid":"` + sid + `","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
}

// serveWebSocket opens a WebSocket and echoes its messages.
func (n *Node) serveWebSocket(w http.ResponseWriter, r *http.Request) {
	conn, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	n.mu.Lock()
	n.conns[conn] = struct{}{}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.conns, conn)
		n.mu.Unlock()
		_ = conn.Close()
	}()
	head := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + acceptKey(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
	if _, err := io.WriteString(conn, head); err != nil {
		return
	}
	if err := writeFrame(conn, []byte(n.openPacket()), false); err != nil {
		return
	}
	echo(conn, brw.Reader)
}

// echo returns each message of a WebSocket, until it ends.
func echo(conn net.Conn, reader *bufio.Reader) {
	var buffer []byte
	for {
		message, err := readFrame(reader, buffer)
		if err != nil {
			return
		}
		buffer = message[:0]
		if err := writeFrame(conn, message, false); err != nil {
			return
		}
	}
}

// reply writes a reply as a stock node does.
func reply(w http.ResponseWriter, status int, contentType, body string) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", fmt.Sprint(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client reports the error
}
