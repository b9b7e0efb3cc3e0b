package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyTrustsTheSessionIDBeforeTheCookie(t *testing.T) {
	t.Run("with its tag", func(t *testing.T) {
		testSessionBeforeCookie(t, caddyGiving("cookie"))
	})
	t.Run("learned", func(t *testing.T) {
		testSessionBeforeCookie(t, caddyGiving("sid learn", "cookie"))
	})
}

func TestTraefikTrustsTheSessionIDBeforeTheCookie(t *testing.T) {
	t.Run("with its tag", func(t *testing.T) {
		testSessionBeforeCookie(t, traefikWith(object{"exposeCookie": true}))
	})
	t.Run("learned", func(t *testing.T) {
		testSessionBeforeCookie(t, traefikWith(object{"sid": "learn", "exposeCookie": true}))
	})
}

// testSessionBeforeCookie sends requests whose session is on one node and whose
// cookie is another's.
func testSessionBeforeCookie(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]

	cookies := map[string]string{} // by node
	requireSoon(t, "cookies of all nodes", func() bool {
		r := newEngine(t, f).handshake(t)
		cookies[r.Header.Get("X-Node")] = givenCookie(t, r)
		return len(cookies) == len(nodes)
	})
	for range 3 {
		e := newEngine(t, f)
		node := e.handshake(t).Header.Get("X-Node")
		for other, cookie := range cookies {
			r := e.post(t, "3", cookie)
			assert.Equal(t, node, r.Header.Get("X-Node"), "a session on node %s with a cookie of node %s", node, other)
			assert.Empty(t, r.Header.Values("Set-Cookie"))
		}
	}
}

func TestCaddyTrustsTheCookieOfASessionThatItDoesNotKnow(t *testing.T) {
	testCookieOfUnknownSession(t, caddyGiving("sid learn", "cookie"))
}

func TestTraefikTrustsTheCookieOfASessionThatItDoesNotKnow(t *testing.T) {
	testCookieOfUnknownSession(t, traefikWith(object{"sid": "learn", "exposeCookie": true}))
}

// testCookieOfUnknownSession has one proxy learn sessions, and another, which
// knows nothing of them, serve them.
func testCookieOfUnknownSession(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	one := h.serve(t, site{upstreams: addresses(nodes)})[0]
	other := h.serve(t, site{upstreams: addresses(nodes)})[0]
	for range 9 {
		e := newEngine(t, one)
		opened := e.handshake(t)
		e.front = other
		r := e.post(t, "3", givenCookie(t, opened))
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
	}
}
