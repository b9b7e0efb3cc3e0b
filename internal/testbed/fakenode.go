package testbed

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// FakeRequest is a request as a fake node receives it, and the connection that
// it came on.
type FakeRequest struct {
	net.Conn
	Head string // up to the empty line
}

// Target returns the request target.
func (a FakeRequest) Target() string {
	line, _, _ := strings.Cut(a.Head, "\r\n")
	words := strings.Split(line, " ")
	if len(words) != 3 {
		return ""
	}
	return words[1]
}

// IsHandshake reports whether the request is a handshake.
func (a FakeRequest) IsHandshake() bool {
	return strings.Contains(a.Target(), "EIO=") && !strings.Contains(a.Target(), "sid=")
}

// Reply answers the request as a node does.
func (a FakeRequest) Reply(body string, headers ...string) {
	lines := append([]string{
		"HTTP/1.1 200 OK", "Content-Type: text/plain; charset=UTF-8", fmt.Sprintf("Content-Length: %d", len(body)),
	}, headers...)
	_, _ = a.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)) // the proxy may have gone
}

// WaitForClose waits until the proxy closes the connection.
func (a FakeRequest) WaitForClose() {
	_, _ = a.Read(make([]byte, 1)) // only the next request could come
}

// StartFakeNode starts a node that does what real ones do not. The function
// answers each request, and reports whether the connection stays open.
func StartFakeNode(t *testing.T, answer func(a FakeRequest) bool) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	address = listener.Addr().String()
	open := new(atomic.Int64)
	openFakes.Store(address, open)
	t.Cleanup(func() { openFakes.Delete(address) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Add(1)
			go func() {
				defer open.Add(-1)
				serveFake(conn, answer)
			}()
		}
	}()
	return address
}

// openFakes has the number of open connections of each fake node, by its address.
var openFakes sync.Map

// fakeConnections returns the number of open connections of a fake node.
func fakeConnections(address string) int {
	open, found := openFakes.Load(address)
	if !found {
		return 0
	}
	return int(open.(*atomic.Int64).Load())
}

// serveFake reads the requests of a connection. None has a body.
func serveFake(conn net.Conn, answer func(a FakeRequest) bool) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		var head []byte
		for {
			line, err := r.ReadSlice('\n')
			head = append(head, line...)
			if err == bufio.ErrBufferFull { //nolint:errorlint // it is returned as it is
				continue
			}
			if err != nil {
				return
			}
			if string(line) == "\r\n" {
				break
			}
		}
		if !answer(FakeRequest{Conn: conn, Head: strings.TrimSuffix(string(head), "\r\n\r\n")}) {
			return
		}
	}
}

// fakeSessions counts the sessions of all fake nodes.
var fakeSessions atomic.Int64

// OpenPacket returns what a stock node of Engine.IO 4 answers to a handshake,
// each time with another session ID.
func OpenPacket() string {
	return `0{"sid":"` + fmt.Sprintf("%020d", fakeSessions.Add(1)) +
		`","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
}

// ShortLivedOpenPacket returns one whose session expires after two
// milliseconds.
func ShortLivedOpenPacket() string {
	packet := strings.Replace(OpenPacket(), `"pingInterval":25000`, `"pingInterval":1`, 1)
	return strings.Replace(packet, `"pingTimeout":20000`, `"pingTimeout":1`, 1)
}

// FrameV3 returns a packet as Engine.IO 3 frames it.
func FrameV3(packet string) string {
	return fmt.Sprintf("%d:%s", len(packet), packet)
}

// ReplyAndCloseWrite answers the request and closes the node's half of the
// connection.
func (a FakeRequest) ReplyAndCloseWrite(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).CloseWrite()
	a.WaitForClose()
}

// ReplyAndReset answers the request and resets the connection.
func (a FakeRequest) ReplyAndReset(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).SetLinger(0)
}

// HandshakeResponse returns the whole response of a stock node to a handshake.
func HandshakeResponse() string {
	packet := OpenPacket()
	return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(packet)) + "\r\n\r\n" + packet
}

// HalfHandshakeResponse returns HandshakeResponse up to the middle of its body.
func HalfHandshakeResponse() string {
	head, packet, _ := strings.Cut(HandshakeResponse(), "\r\n\r\n")
	return head + "\r\n\r\n" + packet[:len(packet)/2]
}
