package e2e

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCaddyBearsBrokenHandshakes(t *testing.T) {
	testBrokenHandshakes(t, caddyShorthand.expecting(badGateway))
}

func TestTraefikBearsBrokenHandshakes(t *testing.T) {
	testBrokenHandshakes(t, traefikProfiled(t, nil))
}

// broken is how many handshakes go wrong at the same time.
const broken = 200

// breaking is a way in which handshakes go wrong. Each side has a connection,
// and is told when all of the handshakes have reached the node.
type breaking struct {
	name   string
	node   func(a asked, all <-chan struct{})
	client func(conn *net.TCPConn, request string, all <-chan struct{}) (got string)
	gets   string // the pattern of what the client gets. "TAG" stands for a tag
}

const (
	// getsBound is what a client gets that gets its session all the same, and
	// getsHalf one that gets half of the node's answer, as the node said it.
	getsBound = `^HTTP/1\.1 200 OK\r\n(?s:.*)\r\n\r\n0\{"sid":"TAG\.[0-9]{20}".*\}$`
	getsHalf  = `^HTTP/1\.1 200 OK\r\n(?s:.*)\r\n\r\n0\{"sid":"[0-9]{20}"[^}]*$`

	getsBadRequest = `^HTTP/1\.1 400 Bad Request\r\n`
	getsBadGateway = `^HTTP/1\.1 502 Bad Gateway\r\n`
	getsClientLeft = `^HTTP/1\.1 499 ` // as both hosts say when the client has ended its half
	getsNothing    = `^$`              // the client has left
)

var breakings = []breaking{
	{
		name: "a node that answers byte by byte",
		node: func(a asked, all <-chan struct{}) {
			receive(all)
			for _, c := range []byte(wholeReply()) {
				_, _ = a.Write([]byte{c})
			}
		},
		client: stay,
		gets:   getsBound,
	},
	{
		name:   "a node that ends its half of the connection",
		node:   func(a asked, _ <-chan struct{}) { a.finish(wholeReply()) },
		client: stay,
		gets:   getsBound,
	},
	{
		name:   "a node that ends in the middle of its answer",
		node:   func(a asked, _ <-chan struct{}) { a.finish(halfReply()) },
		client: stay,
		gets:   getsHalf,
	},
	{
		name:   "a node that resets the connection",
		node:   func(a asked, _ <-chan struct{}) { a.reset("") },
		client: stay,
		gets:   getsBadGateway,
	},
	{
		name:   "a node that resets the connection in the middle of its answer",
		node:   func(a asked, _ <-chan struct{}) { a.reset(halfReply()) },
		client: stay,
		gets:   getsHalf,
	},
	{
		name: "a node that does not answer, and clients that leave",
		node: func(a asked, _ <-chan struct{}) { a.until() },
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			receive(all)
			return ""
		},
		gets: getsNothing,
	},
	{
		name: "a node that does not answer, and clients that end their half",
		node: func(a asked, _ <-chan struct{}) { a.until() },
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			receive(all)
			_ = conn.CloseWrite()
			return rest(conn)
		},
		gets: getsClientLeft,
	},
	{
		name: "clients that leave in the middle of the answer",
		node: func(a asked, _ <-chan struct{}) {
			_, _ = io.WriteString(a, halfReply())
			a.until()
		},
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			receive(all)
			return ""
		},
		gets: getsNothing,
	},
	{
		name: "clients that read next to nothing of a long answer, and leave",
		node: func(a asked, _ <-chan struct{}) {
			_, err := io.WriteString(a, "HTTP/1.1 200 OK\r\n\r\n")
			for part := bytes.Repeat([]byte("0"), 1<<16); err == nil; {
				_, err = a.Write(part)
			}
		},
		client: func(conn *net.TCPConn, request string, all <-chan struct{}) string {
			_, _ = io.WriteString(conn, request)
			receive(all)
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
			return rest(conn)
		},
		gets: getsBadRequest,
	},
}

// stay has a client do as it should.
func stay(conn *net.TCPConn, request string, _ <-chan struct{}) string {
	_, _ = io.WriteString(conn, request)
	return rest(conn)
}

// rest returns what comes until the end, however that comes.
func rest(conn net.Conn) string {
	got, _ := io.ReadAll(conn)
	return string(got)
}

// wholeReply is that of a stock node to a handshake.
func wholeReply() string {
	packet := stockOpenPacket()
	return "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: " + strconv.Itoa(len(packet)) + "\r\n\r\n" + packet
}

// halfReply is half of the body of wholeReply, and all in front of it.
func halfReply() string {
	head, packet, _ := strings.Cut(wholeReply(), "\r\n\r\n")
	return head + "\r\n\r\n" + packet[:len(packet)/2]
}

// finish answers the request, and then ends only the node's half of the
// connection.
func (a asked) finish(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).CloseWrite()
	a.until()
}

// reset answers the request, and then breaks the connection.
func (a asked) reset(reply string) {
	_, _ = io.WriteString(a, reply)
	_ = a.Conn.(*net.TCPConn).SetLinger(0)
}

// testBrokenHandshakes has handshakes go wrong, many at a time, in all the ways
// that a network and either side know. Nothing of them stays in the proxy.
func testBrokenHandshakes(t *testing.T, h host) {
	t.Helper()
	type attempt struct {
		breaking
		reached atomic.Int64
		all     chan struct{}
	}
	var current atomic.Pointer[attempt]
	var open atomic.Int64
	s := besiege(t, h, plain, startFake(t, func(a asked) bool {
		if !a.opens() {
			a.reply("ok")
			return true
		}
		open.Add(1)
		defer open.Add(-1)
		now := current.Load()
		if now.reached.Add(1) == broken {
			close(now.all)
		}
		now.node(a, now.all)
		return false
	}))
	goroutines, heap := s.goroutines(t), s.heap(t)
	request := "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: " + s.address() + "\r\nConnection: close\r\n\r\n"
	for _, b := range breakings {
		t.Run(b.name, func(t *testing.T) {
			now := &attempt{breaking: b, all: make(chan struct{})}
			gets := regexp.MustCompile(strings.ReplaceAll(b.gets, "TAG", s.tag))
			current.Store(now)
			var clients sync.WaitGroup
			for range broken {
				conn := s.dial(t)
				require.NoError(t, conn.SetDeadline(time.Now().Add(guard)))
				clients.Go(func() {
					got := b.client(conn, request, now.all)
					_ = conn.Close()
					assert.Regexp(t, gets, got)
				})
			}
			clients.Wait()
			if b.node == nil {
				assert.Zero(t, now.reached.Load(), "handshakes that have reached the node")
			} else { // a proxy may ask again where a node fails
				assert.GreaterOrEqual(t, now.reached.Load(), int64(broken), "handshakes that have reached the node")
			}
			requireSoon(t, "the node has no handshakes any more", func() bool { return open.Load() == 0 })
			s.requireSettled(t, goroutines)
		})
	}
	more := s.heap(t) - heap
	t.Logf("%s: %d goroutines, then %d; %d KiB more of heap", t.Name(), goroutines, s.goroutines(t), more>>10)
	assert.Less(t, more, 8*mebibyte)
	assert.Less(t, s.memory(t).peak, 3*s.began.peak)
	s.lift(t)
}
