package e2e

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// asked is a request as it came to a fake node: the bytes of its head, on a
// connection that is the fake's to write to, and to break.
type asked struct {
	net.Conn
	head string // to the empty line, and without it
}

// target is the second word of the request's first line.
func (a asked) target() string {
	line, _, _ := strings.Cut(a.head, "\r\n")
	words := strings.Split(line, " ")
	if len(words) != 3 {
		return ""
	}
	return words[1]
}

// opens reports whether the request is a handshake.
func (a asked) opens() bool {
	return strings.Contains(a.target(), "EIO=") && !strings.Contains(a.target(), "sid=")
}

// reply answers the request as a node does.
func (a asked) reply(body string, headers ...string) {
	lines := append([]string{
		"HTTP/1.1 200 OK", "Content-Type: text/plain; charset=UTF-8", fmt.Sprintf("Content-Length: %d", len(body)),
	}, headers...)
	_, _ = a.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)) // who has gone has no use for it
}

// until waits for the end of the connection.
func (a asked) until() {
	_, _ = a.Read(make([]byte, 1)) // nobody sends anything but the next request
}

// startFake starts a node that real ones cannot be made to be. It has each
// request answered in turn, as long as the answer says to go on with the
// connection, and closes it then.
func startFake(t *testing.T, answer func(a asked) bool) (address string) {
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

// fakeConnections is how many connections all fake nodes have.
var fakeConnections atomic.Int64

// serveFake reads the requests of a connection. None has a body.
func serveFake(conn net.Conn, answer func(a asked) bool) {
	fakeConnections.Add(1)
	defer fakeConnections.Add(-1)
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
		if !answer(asked{Conn: conn, head: strings.TrimSuffix(string(head), "\r\n\r\n")}) {
			return
		}
	}
}

// opened counts the sessions of all fake nodes.
var opened atomic.Int64

// stockOpenPacket is what a stock node of Engine.IO 4 answers to a handshake.
// Each has another session.
func stockOpenPacket() string {
	return `0{"sid":"` + fmt.Sprintf("%020d", opened.Add(1)) +
		`","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
}

// shortOpenPacket is one whose session has expired by the time that anybody looks
// for it.
func shortOpenPacket() string {
	packet := strings.Replace(stockOpenPacket(), `"pingInterval":25000`, `"pingInterval":1`, 1)
	return strings.Replace(packet, `"pingTimeout":20000`, `"pingTimeout":1`, 1)
}

// framed is a packet as Engine.IO 3 frames it.
func framed(packet string) string {
	return fmt.Sprintf("%d:%s", len(packet), packet)
}
