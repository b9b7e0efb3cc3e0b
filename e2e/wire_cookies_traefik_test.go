package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// This includes replies for which Traefik chooses another server than the
// session's, and so sets its cookie: those to requests of a session whose
// server is gone.
func TestTraefikSetsNoCookieOnRepliesToEngineIO(t *testing.T) {
	t.Parallel()
	for _, chain := range [][]string{{testbed.PluginMiddleware}, {testbed.PluginMiddleware, testbed.RetryMiddleware}, {testbed.RetryMiddleware, testbed.PluginMiddleware}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, "--trace", "--cors")
			h := testbed.Traefik{Chain: chain, HealthCheck: true}
			f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			pageCookie(t, f) // Traefik does set it elsewhere

			e := testbed.OpenSessionOn(t, f, "a")
			preflight := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}}
			replies := map[string]testbed.Reply{
				"a handshake":         testbed.NewEngine(t, f).Handshake(t),
				"a post":              e.Post(t, "3"),
				"a preflight":         e.Do(t, http.MethodOptions, "", preflight),
				"a WebSocket":         testbed.WebSocket(t, f, "", nil),
				"an upgrade":          testbed.WebSocket(t, f, e.SID, nil),
				"a preflight of none": testbed.NewEngine(t, f).Do(t, http.MethodOptions, "", preflight),
				"a handshake refused": testbed.NewEngine(t, f).Do(t, http.MethodPost, "", nil),
			}
			assert.Equal(t, http.StatusSwitchingProtocols, replies["a WebSocket"].StatusCode)
			assert.Equal(t, http.StatusSwitchingProtocols, replies["an upgrade"].StatusCode)

			nodes[0].Kill()
			testbed.RequireEventually(t, "the dead node is found out", func() bool {
				lost := e.Do(t, http.MethodGet, "", nil)
				assert.Empty(t, lost.Header.Values("Set-Cookie"), "%d", lost.StatusCode)
				return lost.StatusCode == http.StatusBadRequest
			})
			for name, method := range map[string]string{"a lost post": http.MethodPost, "a lost preflight": http.MethodOptions} {
				replies[name] = e.Do(t, method, "", preflight)
			}
			replies["a lost upgrade"] = testbed.WebSocket(t, f, e.SID, nil)
			assert.Equal(t, http.StatusBadRequest, replies["a lost upgrade"].StatusCode)
			for name, r := range replies {
				assert.Empty(t, r.Header.Values("Set-Cookie"), "%s, %d", name, r.StatusCode)
			}
		})
	}
}

// One of two servers is dead, and gets every other handshake.
func TestTraefikSetsNoCookieOnHandshakesThatFail(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"})
	for _, expose := range []bool{false, true} {
		f := testbed.TraefikWith(object{"exposeCookie": expose}).Serve(t, testbed.Site{Upstreams: append([]string{testbed.FreeAddress(t)}, testbed.Addresses(nodes)...)})[0]
		failed := 0
		for range 6 {
			for name, r := range map[string]testbed.Reply{
				"a poll":      testbed.NewEngine(t, f).Do(t, http.MethodGet, "", nil),
				"a WebSocket": testbed.WebSocket(t, f, "", nil),
			} {
				if r.StatusCode == http.StatusBadGateway {
					failed++
					assert.Empty(t, r.Header.Values("Set-Cookie"), "%s that fails", name)
				} else if !expose {
					assert.Empty(t, r.Header.Values("Set-Cookie"), name)
				}
			}
		}
		assert.Positive(t, failed, "handshakes that the dead server got")
	}
}

// pageCookie returns the cookie that Traefik sets on a page.
func pageCookie(t *testing.T, f testbed.Endpoint) string {
	t.Helper()
	resp, err := f.Get("/health")
	require.NoError(t, err)
	return testbed.ProxyCookie(t, testbed.Reply{Response: resp})
}

func TestTraefikIgnoresTheCookieOfAHandshake(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	dead := testbed.FreeAddress(t)
	h := testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}}
	f := h.Serve(t, testbed.Site{Upstreams: append([]string{dead}, testbed.Addresses(nodes)...)})[0]

	t.Run("of a page", func(t *testing.T) {
		page := pageCookie(t, f)
		perNode := map[string]int{}
		for range 12 {
			r := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", http.Header{"Cookie": {page}})
			require.Equal(t, http.StatusOK, r.StatusCode)
			perNode[r.Header.Get("X-Node")]++
		}
		t.Logf("12 sessions, nodes %v", perNode)
		for _, n := range nodes {
			assert.Positive(t, perNode[n.Name], "sessions on node %s", n.Name)
		}
	})
	t.Run("of a dead server", func(t *testing.T) {
		served := 0
		for range 6 {
			r := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", http.Header{"Cookie": {testbed.StickyCookieOf(dead)}})
			ws := testbed.WebSocket(t, f, "", http.Header{"Cookie": {testbed.StickyCookieOf(dead)}})
			if r.StatusCode == http.StatusOK && ws.StatusCode == http.StatusSwitchingProtocols {
				served++
			}
		}
		assert.Equal(t, 6, served, "clients that got a session, over polling and WebSocket")
	})
}

// With exposeCookie, clients return to their server by cookie, and to a dead
// one too until its health check fails.
func TestTraefikAvoidsTheServerOfAnExposedCookieOnceItsHealthCheckFails(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b"}, "--trace")
	h := testbed.TraefikWith(object{"exposeCookie": true})
	h.HealthCheck = true
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	mine := http.Header{"Cookie": {testbed.StickyCookieOf(nodes[0].Addr)}}
	for range 4 {
		assert.Equal(t, "a", testbed.NewEngine(t, f).Do(t, http.MethodGet, "", mine).Header.Get("X-Node"))
	}
	nodes[0].Kill()
	testbed.RequireDeadNodeAvoided(t, f, len(nodes))
	r := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", mine)
	assert.Equal(t, "b", r.Header.Get("X-Node"))
	assert.Equal(t, testbed.StickyCookieOf(nodes[1].Addr), testbed.ProxyCookie(t, r))
}

func TestTraefikSetsItsCookieWithExposeCookie(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.TraefikWith(object{"exposeCookie": true}).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]

	e := testbed.NewEngine(t, f)
	r := e.HandshakeBound(t)
	tag, _, _ := strings.Cut(e.SID, ".")
	assert.Equal(t, []string{testbed.InnerCookie + "=" + tag + "; Path=/"}, r.Header.Values("Set-Cookie"))
	assert.Empty(t, e.Post(t, "40").Header.Values("Set-Cookie"), "the next request has the cookie from the sid")

	// A new session with it is on the same server.
	for range 9 {
		again := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", http.Header{"Cookie": {testbed.InnerCookie + "=" + tag}})
		assert.Contains(t, again.Text, `"sid":"`+tag+".")
		assert.Empty(t, again.Header.Values("Set-Cookie"))
	}
}

// A cookie of the server that was tried first and is dead would return the
// client to it.
func TestTraefikSetsTheCookieOfTheServerThatAnswers(t *testing.T) {
	t.Parallel()
	for _, chain := range [][]string{{testbed.RetryMiddleware, testbed.PluginMiddleware}, {testbed.PluginMiddleware, testbed.RetryMiddleware}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a"}, "--trace")
			h := testbed.TraefikWith(object{"exposeCookie": true})
			h.Chain = chain
			f := h.Serve(t, testbed.Site{Upstreams: append([]string{testbed.FreeAddress(t)}, testbed.Addresses(nodes)...)})[0]
			alive := testbed.ProxyCookie(t, testbed.NewEngine(t, f).HandshakeBound(t))
			for range 4 {
				assert.Equal(t, alive, testbed.ProxyCookie(t, testbed.NewEngine(t, f).HandshakeBound(t)))
			}
		})
	}
}
