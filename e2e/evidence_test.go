package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// evidence is a way in which a host knows the sessions of a version of
// Engine.IO.
type evidence struct {
	name    string
	of      setting
	version string
	sid     string // the option
}

var (
	tagged       = evidence{"with its tag", plain, "4", "auto"}
	learned      = evidence{"learned", plain, "4", "learn"}
	learnedOfOld = evidence{"learned, of Socket.IO 2", socketIO2, "3", "auto"}
)

func (e evidence) startNodes(t *testing.T) []*node {
	t.Helper()
	return startNodes(t, []string{"a", "b", "c"}, append([]string{"--trace"}, e.of.flags...)...)
}

func (e evidence) newEngine(t *testing.T, f front) *engine {
	t.Helper()
	engine := newEngine(t, f)
	engine.version = e.version
	return engine
}

func caddyEvidence(e evidence) host { return caddyGiving("sid "+e.sid, "cookie") }

func traefikEvidence(e evidence) host {
	return traefikWith(object{"sid": e.sid, "exposeCookie": true})
}

func TestCaddyTrustsTheSessionIDBeforeTheCookie(t *testing.T) {
	testSessionBeforeCookie(t, caddyEvidence)
}

func TestTraefikTrustsTheSessionIDBeforeTheCookie(t *testing.T) {
	testSessionBeforeCookie(t, traefikEvidence)
}

// testSessionBeforeCookie sends requests whose session is on one node and whose
// cookie is another's.
func testSessionBeforeCookie(t *testing.T, h func(evidence) host) {
	t.Helper()
	for _, by := range []evidence{tagged, learned, learnedOfOld} {
		t.Run(by.name, func(t *testing.T) {
			nodes := by.startNodes(t)
			f := h(by).serve(t, site{upstreams: addresses(nodes)})[0]

			cookies := map[string]string{} // by node
			requireSoon(t, "cookies of all nodes", func() bool {
				r := by.newEngine(t, f).handshake(t)
				cookies[r.Header.Get("X-Node")] = givenCookie(t, r)
				return len(cookies) == len(nodes)
			})
			for range 3 {
				e := by.newEngine(t, f)
				node := e.handshake(t).Header.Get("X-Node")
				for other, cookie := range cookies {
					r := e.postPing(t, cookie)
					assert.Equal(t, node, r.Header.Get("X-Node"), "a session on node %s with a cookie of node %s", node, other)
					assert.Empty(t, cookiesOf(r, innerCookie), "cookies of the proxy's, beside the one of the node's")
				}
			}
		})
	}
}

func TestCaddyTrustsTheCookieOfASessionThatItDoesNotKnow(t *testing.T) {
	testCookieOfUnknownSession(t, caddyEvidence)
}

func TestTraefikTrustsTheCookieOfASessionThatItDoesNotKnow(t *testing.T) {
	testCookieOfUnknownSession(t, traefikEvidence)
}

// testCookieOfUnknownSession has one proxy learn sessions, and another, which
// knows nothing of them, serve them.
func testCookieOfUnknownSession(t *testing.T, h func(evidence) host) {
	t.Helper()
	for _, by := range []evidence{learned, learnedOfOld} {
		t.Run(by.name, func(t *testing.T) {
			nodes := by.startNodes(t)
			one := h(by).serve(t, site{upstreams: addresses(nodes)})[0]
			other := h(by).serve(t, site{upstreams: addresses(nodes)})[0]
			for range 9 {
				e := by.newEngine(t, one)
				opened := e.handshake(t)
				e.front = other
				r := e.postPing(t, givenCookie(t, opened))
				assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			}
		})
	}
}
