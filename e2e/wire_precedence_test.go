package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// precedence is one way in which a proxy knows the sessions of a version of
// Engine.IO.
type precedence struct {
	name    string
	of      testbed.Variant
	version string
	sid     string // the option
}

var (
	tagged    = precedence{"with its tag", testbed.Plain, "4", "auto"}
	learned   = precedence{"learned", testbed.Plain, "4", "learn"}
	learnedV3 = precedence{"learned, of Socket.IO 2", testbed.SocketIO2, "3", "auto"}
)

func (e precedence) startNodes(t *testing.T) []*testbed.Node {
	t.Helper()
	return testbed.StartNodes(t, []string{"a", "b", "c"}, append([]string{"--trace"}, e.of.Flags...)...)
}

func (e precedence) newEngine(t *testing.T, f testbed.Endpoint) *testbed.Engine {
	t.Helper()
	engine := testbed.NewEngine(t, f)
	engine.Version = e.version
	return engine
}

func caddyPrecedence(e precedence) testbed.Proxy {
	return testbed.CaddySettingCookie("sid "+e.sid, "cookie")
}

func traefikPrecedence(e precedence) testbed.Proxy {
	return testbed.TraefikWith(object{"sid": e.sid, "exposeCookie": true})
}

func TestCaddyPrefersTheSessionIDToTheCookie(t *testing.T) {
	t.Parallel()
	testSessionBeforeCookie(t, caddyPrecedence)
}

func TestTraefikPrefersTheSessionIDToTheCookie(t *testing.T) {
	t.Parallel()
	testSessionBeforeCookie(t, traefikPrecedence)
}

// testSessionBeforeCookie sends requests with a session on one node and the
// cookie of another.
func testSessionBeforeCookie(t *testing.T, h func(precedence) testbed.Proxy) {
	t.Helper()
	for _, by := range []precedence{tagged, learned, learnedV3} {
		t.Run(by.name, func(t *testing.T) {
			nodes := by.startNodes(t)
			f := h(by).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]

			cookies := map[string]string{} // by node
			testbed.RequireEventually(t, "cookies of all nodes", func() bool {
				r := by.newEngine(t, f).Handshake(t)
				cookies[r.Header.Get("X-Node")] = testbed.ProxyCookie(t, r)
				return len(cookies) == len(nodes)
			})
			for range 3 {
				e := by.newEngine(t, f)
				node := e.Handshake(t).Header.Get("X-Node")
				for other, cookie := range cookies {
					r := e.PostPing(t, cookie)
					assert.Equal(t, node, r.Header.Get("X-Node"), "a session on node %s with a cookie of node %s", node, other)
					assert.Empty(t, testbed.CookiesNamed(r, testbed.InnerCookie), "cookies of the proxy's, beside the one of the node's")
				}
			}
		})
	}
}

func TestCaddyUsesTheCookieForAnUnknownSession(t *testing.T) {
	t.Parallel()
	testCookieOfUnknownSession(t, caddyPrecedence)
}

func TestTraefikUsesTheCookieForAnUnknownSession(t *testing.T) {
	t.Parallel()
	testCookieOfUnknownSession(t, traefikPrecedence)
}

// testCookieOfUnknownSession has one proxy learn sessions, and sends their
// requests to another.
func testCookieOfUnknownSession(t *testing.T, h func(precedence) testbed.Proxy) {
	t.Helper()
	for _, by := range []precedence{learned, learnedV3} {
		t.Run(by.name, func(t *testing.T) {
			nodes := by.startNodes(t)
			one := h(by).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			other := h(by).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			for range 9 {
				e := by.newEngine(t, one)
				opened := e.Handshake(t)
				e.Endpoint = other
				r := e.PostPing(t, testbed.ProxyCookie(t, opened))
				assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			}
		})
	}
}
