package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCaddyBindsTheSidOnTheWire(t *testing.T) {
	testSidOnTheWire(t, caddyShorthand)
}

func testSidOnTheWire(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--cors", "--trace")
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]

	t.Run("a handshake carries a bound sid and sets no cookie", func(t *testing.T) {
		r := newEngine(t, f).handshakeReply(t)
		assert.Equal(t, "text/plain; charset=UTF-8", r.Header.Get("Content-Type"))
		assert.Equal(t, fmt.Sprint(len(r.body)), r.Header.Get("Content-Length"))
		assert.Empty(t, r.Header.Values("Set-Cookie"))
	})

	t.Run("the node sees its own sid and no other", func(t *testing.T) {
		e := newEngine(t, f)
		opened := e.handshakeReply(t)
		r := e.post(t, "40")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.ownSID(), seenSID(t, r))
	})

	t.Run("a preflight reaches the node of its session", func(t *testing.T) {
		e := newEngine(t, f)
		opened := e.handshakeReply(t)
		r := e.do(t, http.MethodOptions, "", http.Header{
			"Origin":                        {"https://app.example"},
			"Access-Control-Request-Method": {"POST"},
		})
		assert.Equal(t, http.StatusNoContent, r.StatusCode)
		assert.Equal(t, "https://app.example", r.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.ownSID(), seenSID(t, r))
	})

	for _, sid := range []string{
		"AAAAAAAAAAAAAAAAAAAA",                  // as a node would make it, but of no session
		"AAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAA",      // bound to nobody
		"0123456789abcdef.AAAAAAAAAAAAAAAAAAAA", // so too
		"not a sid",                             //
		"bad\r\ntag.AAAAAAAAAAAAAAAAAAAA",       // what a header may not hold
		".",                                     //
		strings.Repeat("A", 4000) + ".AAAAAAAA", // too long for a tag
	} {
		t.Run(fmt.Sprintf("the node itself refuses the sid %.40q", sid), func(t *testing.T) {
			e := newEngine(t, f)
			e.sid = sid
			r := e.do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.body)
			assert.Contains(t, []string{"a", "b", "c"}, r.Header.Get("X-Node"))
		})
	}
}

func TestCaddyHoldsASessionOverHTTP2(t *testing.T) {
	testSessionOverHTTP2(t, caddyShorthand)
}

func testSessionOverHTTP2(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := h.serve(t, site{upstreams: addresses(nodes), secure: true})[0]

	for range 9 {
		e := newEngine(t, f)
		opened := e.handshakeReply(t)
		assert.Equal(t, 2, opened.ProtoMajor)
		greeter := e.connect(t)
		for _, text := range []string{"one", "two", "three"} {
			assert.Equal(t, greeter, e.echo(t, text))
		}
	}
}

// The clients for Node do not ask for compressed replies, as browsers do. The
// handshake must stay readable to the proxy, and nothing else need.
func TestCaddyHoldsACompressedSessionWith(t *testing.T) {
	for _, s := range settings {
		if s.compresses() {
			t.Run(s.name, func(t *testing.T) {
				testCompressedSession(t, caddyShorthand, s)
			})
		}
	}
}

func testCompressedSession(t *testing.T, h host, s setting) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, s.flags...)
	f := h.serve(t, s.siteOf(nodes))[0]
	for range 9 {
		e := newEngine(t, f)
		e.handshakeReply(t)
		greeter := e.connect(t)
		e.compressed = 0
		for _, size := range []int{1, 2_000, 100_000} {
			assert.Equal(t, greeter, e.echo(t, strings.Repeat("a", size)))
		}
		assert.GreaterOrEqual(t, e.compressed, 2, "compressed replies")
	}
}

// handshakeReply opens a session and checks that its sid is bound.
func (e *engine) handshakeReply(t *testing.T) reply {
	t.Helper()
	r := e.handshake(t)
	require.Regexp(t, e.front.boundSID(), e.sid)
	return r
}

// ownSID returns the part of a bound sid that is the node's.
func (e *engine) ownSID() string {
	return e.sid[strings.LastIndex(e.sid, ".")+1:]
}

// seenSID returns the sid that a node started with --trace saw in a request.
func seenSID(t *testing.T, r reply) string {
	t.Helper()
	seen, err := url.Parse(r.Header.Get("X-Seen"))
	require.NoError(t, err)
	return seen.Query().Get("sid")
}
