package e2e

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyWithstandsBrokenHandshakes(t *testing.T) {
	t.Parallel()
	testBrokenHandshakes(t, testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway))
}

func TestTraefikWithstandsBrokenHandshakes(t *testing.T) {
	t.Parallel()
	testBrokenHandshakes(t, testbed.TraefikWithDebugAddress(t, nil))
}

// concurrentBroken is how many handshakes break at the same time.
const concurrentBroken = 200

// brokenHandshake is one way in which handshakes break. Each side has a
// connection, and a channel that is closed when all of the handshakes have
// reached the node.
type brokenHandshake struct {
	name   string
	node   func(a testbed.FakeRequest, all <-chan struct{})
	client func(conn *net.TCPConn, request string, all <-chan struct{}) (got string)
	gets   string // a pattern of what the client receives, where "TAG" stands for a tag
}

const (
	// getsBound matches a complete response with a tagged session ID, and getsHalf
	// half of the node's response, as the node sent it.
	getsBound = `^HTTP/1\.1 200 OK\r\n(?s:.*)\r\n\r\n0\{"sid":"TAG\.[0-9]{20}".*\}$`
	getsHalf  = `^HTTP/1\.1 200 OK\r\n(?s:.*)\r\n\r\n0\{"sid":"[0-9]{20}"[^}]*$`

	getsBadRequest = `^HTTP/1\.1 400 Bad Request\r\n`
	getsBadGateway = `^HTTP/1\.1 502 Bad Gateway\r\n`
	getsClientLeft = `^HTTP/1\.1 499 ` // of both proxies, when the client has closed its half
	getsNothing    = `^$`              // the client has left
)

var brokenHandshakes = []brokenHandshake{
	{
		name: "a node that answers byte by byte",
		node: func(a testbed.FakeRequest, all <-chan struct{}) {
			testbed.Receive(all)
			for _, c := range []byte(testbed.HandshakeResponse()) {
				_, _ = a.Write([]byte{c})
			}
		},
		client: sendAndRead,
		gets:   getsBound,
	},
	{
		name:   "a node that ends its half of the connection",
		node:   func(a testbed.FakeRequest, _ <-chan struct{}) { a.ReplyAndCloseWrite(testbed.HandshakeResponse()) },
		client: sendAndRead,
		gets:   getsBound,
	},
	{
		name:   "a node that ends in the middle of its answer",
		node:   func(a testbed.FakeRequest, _ <-chan struct{}) { a.ReplyAndCloseWrite(testbed.HalfHandshakeResponse()) },
		client: sendAndRead,
		gets:   getsHalf,
	},
	{
		name:   "a node that resets the connection",
		node:   func(a testbed.FakeRequest, _ <-chan struct{}) { a.ReplyAndReset("") },
		client: sendAndRead,
		gets:   getsBadGateway,
	},
	{
		name:   "a node that resets the connection in the middle of its answer",
		node:   func(a testbed.FakeRequest, _ <-chan struct{}) { a.ReplyAndReset(testbed.HalfHandshakeResponse()) },
		client: sendAndRead,
		gets:   getsHalf,
	},
	{
		name: "a node that does not answer, and clients that leave",
		node: func(a testbed.FakeRequest, _ <-chan struct{}) { a.WaitForClose() },
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			testbed.Receive(all)
			return ""
		},
		gets: getsNothing,
	},
	{
		name: "a node that does not answer, and clients that end their half",
		node: func(a testbed.FakeRequest, _ <-chan struct{}) { a.WaitForClose() },
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			testbed.Receive(all)
			_ = conn.CloseWrite()
			return readRest(conn)
		},
		gets: getsClientLeft,
	},
	{
		name: "clients that leave in the middle of the answer",
		node: func(a testbed.FakeRequest, _ <-chan struct{}) {
			_, _ = io.WriteString(a, testbed.HalfHandshakeResponse())
			a.WaitForClose()
		},
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			testbed.Receive(all)
			return ""
		},
		gets: getsNothing,
	},
	{
		name: "clients that read next to nothing of a long answer, and leave",
		node: func(a testbed.FakeRequest, _ <-chan struct{}) {
			_, err := io.WriteString(a, "HTTP/1.1 200 OK\r\n\r\n")
			for part := bytes.Repeat([]byte("0"), 1<<16); err == nil; {
				_, err = a.Write(part)
			}
		},
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			testbed.Receive(all)
			_, _ = io.CopyN(io.Discard, conn, 1000)
			return ""
		},
		gets: getsNothing,
	},
	{
		name: "clients that end in the middle of their request",
		client: func(conn *net.TCPConn, request string, _ <-chan struct{}) string {
			_, _ = io.WriteString(conn, request[:len(request)/2])
			_ = conn.CloseWrite()
			return readRest(conn)
		},
		gets: getsBadRequest,
	},
}

// sendAndRead is a client that sends its request and reads the response.
func sendAndRead(conn *net.TCPConn, request string, _ <-chan struct{}) string {
	_, _ = io.WriteString(conn, request)
	return readRest(conn)
}

// readRest returns what comes until the end of the connection, in whatever way
// that ends.
func readRest(conn net.Conn) string {
	got, _ := io.ReadAll(conn)
	return string(got)
}

// testBrokenHandshakes breaks many handshakes at a time, in all the ways in
// which a network and either side can. The proxy keeps nothing of them.
func testBrokenHandshakes(t *testing.T, h testbed.Proxy) {
	t.Helper()
	type attempt struct {
		brokenHandshake
		reached atomic.Int64
		all     chan struct{}
	}
	var current atomic.Pointer[attempt]
	var open atomic.Int64
	s := testbed.StartAttack(t, h, testbed.Plain, testbed.StartFakeNode(t, func(a testbed.FakeRequest) bool {
		if !a.IsHandshake() {
			a.Reply("ok")
			return true
		}
		open.Add(1)
		defer open.Add(-1)
		now := current.Load()
		if now.reached.Add(1) == concurrentBroken {
			close(now.all)
		}
		now.node(a, now.all)
		return false
	}))
	goroutines, heap := s.Goroutines(t), s.Heap(t)
	request := "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: " + s.Address() + "\r\nConnection: close\r\n\r\n"
	for _, b := range brokenHandshakes {
		t.Run(b.name, func(t *testing.T) {
			now := &attempt{brokenHandshake: b, all: make(chan struct{})}
			gets := regexp.MustCompile(strings.ReplaceAll(b.gets, "TAG", s.TagPattern))
			current.Store(now)
			var clients sync.WaitGroup
			for range concurrentBroken {
				conn := s.Dial(t)
				require.NoError(t, conn.SetDeadline(time.Now().Add(testbed.Timeout)))
				clients.Go(func() {
					got := b.client(conn, request, now.all)
					_ = conn.Close()
					assert.Regexp(t, gets, got)
				})
			}
			clients.Wait()
			if b.node == nil {
				assert.Zero(t, now.reached.Load(), "handshakes that have reached the node")
			} else { // a proxy may retry after a failure
				assert.GreaterOrEqual(t, now.reached.Load(), int64(concurrentBroken), "handshakes that have reached the node")
			}
			testbed.RequireEventually(t, "the node has no handshakes any more", func() bool { return open.Load() == 0 })
			s.RequireGoroutines(t, goroutines)
		})
	}
	more := s.Heap(t) - heap
	t.Logf("%s: %d goroutines, then %d; %d KiB more of heap", t.Name(), goroutines, s.Goroutines(t), more>>10)
	assert.Less(t, more, 8*testbed.MiB)
	assert.Less(t, s.Memory(t).Peak, 3*s.Before.Peak)
	s.AssertBystandersUnharmed(t)
}
