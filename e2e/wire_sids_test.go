package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyTagsTheSessionID(t *testing.T) {
	t.Parallel()
	testSidOnTheWire(t, testbed.CaddyShorthand)
}

func testSidOnTheWire(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cors", "--trace")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]

	t.Run("a handshake has a tagged session ID and sets no cookie", func(t *testing.T) {
		r := testbed.NewEngine(t, f).HandshakeBound(t)
		assert.Equal(t, "text/plain; charset=UTF-8", r.Header.Get("Content-Type"))
		assert.Equal(t, fmt.Sprint(len(r.Text)), r.Header.Get("Content-Length"))
		assert.Empty(t, r.Header.Values("Set-Cookie"))
	})

	t.Run("the node receives its own session ID", func(t *testing.T) {
		e := testbed.NewEngine(t, f)
		opened := e.HandshakeBound(t)
		r := e.Post(t, "40")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.NodeSID(), testbed.SeenSID(t, r))
	})

	t.Run("a preflight reaches the node of its session", func(t *testing.T) {
		e := testbed.NewEngine(t, f)
		opened := e.HandshakeBound(t)
		r := e.Do(t, http.MethodOptions, "", http.Header{
			"Origin":                        {"https://app.example"},
			"Access-Control-Request-Method": {"POST"},
		})
		assert.Equal(t, http.StatusNoContent, r.StatusCode)
		assert.Equal(t, "https://app.example", r.Header.Get("Access-Control-Allow-Origin"))
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.NodeSID(), testbed.SeenSID(t, r))
	})

	for _, sid := range []string{
		"AAAAAAAAAAAAAAAAAAAA",                  // as a node makes it, but of no session
		"AAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAA",      // with a tag that no upstream has
		"0123456789abcdef.AAAAAAAAAAAAAAAAAAAA", // the same in Traefik
		"not a sid",                             //
		"bad\r\ntag.AAAAAAAAAAAAAAAAAAAA",       // not allowed in a header
		".",                                     //
		strings.Repeat("A", 4000) + ".AAAAAAAA", // too long for a tag
	} {
		t.Run(fmt.Sprintf("the node refuses the session ID %.40q", sid), func(t *testing.T) {
			e := testbed.NewEngine(t, f)
			e.SID = sid
			r := e.Do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.Text)
			assert.Contains(t, []string{"a", "b", "c"}, r.Header.Get("X-Node"))
		})
	}
}

func TestCaddyHoldsASessionOverHTTP2(t *testing.T) {
	t.Parallel()
	testSessionOverHTTP2(t, testbed.CaddyShorthand)
}

func testSessionOverHTTP2(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes), HTTPS: true})[0]

	for range 9 {
		e := testbed.NewEngine(t, f)
		opened := e.HandshakeBound(t)
		assert.Equal(t, 2, opened.ProtoMajor)
		node := e.Connect(t)
		for _, text := range []string{"one", "two", "three"} {
			assert.Equal(t, node, e.Echo(t, text))
		}
	}
}

// Unlike browsers, the clients in Node.js do not ask for compressed replies.
// The proxy must be able to read the handshake; other replies may be
// compressed.
func TestCaddyHoldsACompressedSessionWith(t *testing.T) {
	t.Parallel()
	for _, s := range variants {
		if s.Compresses() {
			t.Run(s.Name, func(t *testing.T) {
				testCompressedSession(t, testbed.CaddyShorthand, s)
			})
		}
	}
}

func testCompressedSession(t *testing.T, h testbed.Proxy, s testbed.Variant) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, s.Flags...)
	f := h.Serve(t, s.SiteOf(nodes))[0]
	for range 9 {
		e := testbed.NewEngine(t, f)
		e.HandshakeBound(t)
		node := e.Connect(t)
		e.Compressed = 0
		for _, size := range []int{1, 2_000, 100_000} {
			assert.Equal(t, node, e.Echo(t, strings.Repeat("a", size)))
		}
		assert.GreaterOrEqual(t, e.Compressed, 2, "compressed replies")
	}
}

func TestTraefikTagsTheSessionID(t *testing.T) {
	t.Parallel()
	testSidOnTheWire(t, testbed.TraefikPlugin)
}

func TestTraefikTagsTheSessionIDForEachLevel(t *testing.T) {
	t.Parallel()
	testSidOnTheWire(t, testbed.Traefik{Chain: testbed.TraefikPlugin.Chain, Nested: true})
}

func TestTraefikHoldsASessionOverHTTP2(t *testing.T) {
	t.Parallel()
	testSessionOverHTTP2(t, testbed.TraefikPlugin)
}

func TestTraefikHoldsACompressedSessionWith(t *testing.T) {
	t.Parallel()
	for _, s := range variants {
		if s.Compresses() {
			t.Run(s.Name, func(t *testing.T) {
				testCompressedSession(t, testbed.TraefikPlugin, s)
			})
		}
	}
	t.Run("compress after the plugin", func(t *testing.T) {
		testCompressedSession(t, testbed.Traefik{Chain: []string{testbed.PluginMiddleware, testbed.CompressMiddleware}}, testbed.Plain)
	})
}
