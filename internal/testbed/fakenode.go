package testbed

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// FakeRequest is a request as it came to a fake node: the bytes of its head, on a
// connection that is the fake's to write to, and to break.
type FakeRequest struct {
	net.Conn
	Head string // to the empty line, and without it
}

// Target is the second word of the request's first line.
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
	_, _ = a.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)) // who has gone has no use for it
}

// WaitForClose waits for the end of the connection.
func (a FakeRequest) WaitForClose() {
	_, _ = a.Read(make([]byte, 1)) // nobody sends anything but the next request
}

// StartFakeNode starts a node that real ones cannot be made to be. It has each
// request answered in turn, as long as the answer says to go on with the
// connection, and closes it then.
func StartFakeNode(t *testing.T, answer func(a FakeRequest) bool) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveFake(conn, answer)
		}
	}()
	return listener.Addr().String()
}

// FakeConnections is how many connections all fake nodes have.
var FakeConnections atomic.Int64

// serveFake reads the requests of a connection. None has a body.
func serveFake(conn net.Conn, answer func(a FakeRequest) bool) {
	FakeConnections.Add(1)
	defer FakeConnections.Add(-1)
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

// OpenPacket is what a stock node of Engine.IO 4 answers to a handshake.
// Each has another session.
func OpenPacket() string {
	return `0{"sid":"` + fmt.Sprintf("%020d", fakeSessions.Add(1)) +
		`","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
}

// ShortLivedOpenPacket is one whose session has expired by the time that anybody looks
// for it.
func ShortLivedOpenPacket() string {
	packet := strings.Replace(OpenPacket(), `"pingInterval":25000`, `"pingInterval":1`, 1)
	return strings.Replace(packet, `"pingTimeout":20000`, `"pingTimeout":1`, 1)
}

// FrameV3 is a packet as Engine.IO 3 frames it.
func FrameV3(packet string) string {
	return fmt.Sprintf("%d:%s", len(packet), packet)
}

// ReplyAndCloseWrite answers the request, and then ends only the node's half of the
// connection.
func (a FakeRequest) ReplyAndCloseWrite(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).CloseWrite()
	a.WaitForClose()
}

// ReplyAndReset answers the request, and then breaks the connection.
func (a FakeRequest) ReplyAndReset(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).SetLinger(0)
}

// HandshakeResponse is that of a stock node to a handshake.
func HandshakeResponse() string {
	packet := OpenPacket()
	return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(packet)) + "\r\n\r\n" + packet
}

// HalfHandshakeResponse is half of the body of HandshakeResponse, and all in front of it.
func HalfHandshakeResponse() string {
	head, packet, _ := strings.Cut(HandshakeResponse(), "\r\n\r\n")
	return head + "\r\n\r\n" + packet[:len(packet)/2]
}
