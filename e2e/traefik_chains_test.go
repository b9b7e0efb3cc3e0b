package e2e

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// middlewares has a middleware for each name, beside those that a chain may have
// anyway.
func middlewares(more object) func(http object) {
	return func(http object) {
		maps.Copy(http["middlewares"].(object), more)
	}
}

// prefixes are middlewares that change the path.
var prefixes = middlewares(object{
	"strip": object{"stripPrefix": object{"prefixes": []string{"/chat"}}},
	"add":   object{"addPrefix": object{"prefix": "/app"}},
})

// What changes the path changes the query's place too.
func TestTraefikHoldsSessionsWithAPathThatMiddlewaresChange(t *testing.T) {
	inner := setting{flags: []string{"--path", "/app/socket.io"}, messages: 6}
	nodes := inner.startNodes(t, "a", "b", "c")
	for _, chain := range [][]string{{"strip", "add", plugin}, {plugin, "strip", "add"}, {"strip", plugin, "add"}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			r := traefik{chain: chain, change: prefixes}.start(t, inner.siteOf(nodes))
			s := inner.small()
			s.path = "/chat/socket.io"
			r.requireRoutes(t, r.fronts[0], s.path+"/")
			o := s.crowdOf(r.fronts[0], []string{"polling", "websocket"}).run(t)
			o.assertHeld(t)
			o.assertSpread(t, nodes)
		})
	}
}

// The middleware is at an entry point and at a router, say.
func TestTraefikHoldsSessionsWithThePluginTwice(t *testing.T) {
	for _, s := range []setting{plain.small(), socketIO2.small()} {
		t.Run(s.name, func(t *testing.T) {
			nodes := s.startNodes(t, "a", "b", "c")
			// Its log may have no warning: see assertQuiet.
			f := traefik{chain: []string{plugin, plugin}}.serve(t, s.siteOf(nodes))[0]
			for _, transport := range transports[:2] {
				o := s.crowdOf(f, transport).run(t)
				o.assertHeld(t)
				o.assertSpread(t, nodes)
			}
		})
	}
}

func TestTraefikHoldsSessionsWithErrorPages(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	dead := freeAddress(t)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "page", Value: "1"}) //nolint:gosec // it stands for any
		_, _ = io.WriteString(w, "sorry: "+r.URL.Path)            //nolint:gosec // which Traefik asks for
	}))
	t.Cleanup(pages.Close)
	change := func(http object) {
		http["services"].(object)["pages"] = object{"loadBalancer": object{"servers": []object{{"url": pages.URL}}}}
		http["middlewares"].(object)["pages"] = object{"errors": object{
			"status": []string{"500-599"}, "service": "pages", "query": "/{status}",
		}}
	}
	for _, chain := range [][]string{{"pages", plugin}, {plugin, "pages"}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			h := traefik{chain: chain, change: change}
			fronts := h.serve(t, plain.siteOf(nodes), site{upstreams: []string{dead}})
			o := plain.small().crowdOf(fronts[0], []string{"polling", "websocket"}).run(t)
			o.assertHeld(t)
			o.assertSpread(t, nodes)

			failed := newEngine(t, fronts[1]).do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadGateway, failed.StatusCode)
			assert.Equal(t, "sorry: /502", failed.body)
			assert.Empty(t, cookiesOf(failed, innerCookie))
		})
	}
}

// Whatever the service behind the mirror says, nobody hears it.
func TestTraefikHoldsSessionsThatAreMirrored(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	var mirrored, bound atomic.Int64
	shadow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mirrored.Add(1)
		if strings.Contains(r.URL.Query().Get("sid"), ".") {
			bound.Add(1)
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(shadow.Close)
	h := traefikPlugin
	h.change = func(http object) {
		services := http["services"].(object)
		services["main"] = services["site0"]
		services["shadow"] = object{"loadBalancer": object{"servers": []object{{"url": shadow.URL}}, "sticky": h.sticky(innerCookie)}}
		services["site0"] = object{"mirroring": object{
			"service": "main", "mirrors": []object{{"name": "shadow", "percent": 100}},
		}}
	}
	f := h.serve(t, plain.siteOf(nodes))[0]
	for _, transport := range transports[:2] {
		o := plain.small().crowdOf(f, transport).run(t)
		o.assertHeld(t)
		o.assertSpread(t, nodes)
	}
	assert.Positive(t, mirrored.Load(), "requests that were mirrored")
	assert.Zero(t, bound.Load(), "mirrored requests with a tag in their session ID")
}

// Traefik goes back to the main service as soon as it is up, whatever cookie a
// request has.
func TestTraefikLosesSessionsOfTheFallbackWhenTheMainServiceComesBack(t *testing.T) {
	main := startMortals(t, []string{"a"}, "--trace")
	fallback := startNodes(t, []string{"b"}, "--trace")
	h := traefikPlugin
	h.healthCheck = true
	h.change = func(http object) {
		services := http["services"].(object)
		services["main"] = services["site0"]
		services["fallback"] = object{"loadBalancer": h.balancer(addresses(fallback))}
		services["site0"] = object{"failover": object{"service": "main", "fallback": "fallback", "healthCheck": object{}}}
	}
	f := h.serve(t, site{upstreams: addresses(main)})[0]

	first := openedOn(t, f, "a")
	assert.Equal(t, "a", first.echo(t, "while the main service is up"))
	main[0].stop()
	second := openedSoonOn(t, f, "b")
	assert.Equal(t, "b", second.echo(t, "while it is down"))
	lost := first.do(t, http.MethodGet, "", nil)
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)

	startNodesAt(t, []string{main[0].addr}, []string{"a"}, "--trace")
	third := openedSoonOn(t, f, "a")
	assert.Equal(t, "a", third.echo(t, "when it is up again"))
	lost = second.do(t, http.MethodGet, "", nil)
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
	assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, lost.body)
	assert.Empty(t, lost.Header.Values("Set-Cookie"))
}

// openedSoonOn is openedOn for a node that another one may answer for at first.
func openedSoonOn(t *testing.T, f front, name string) *engine {
	t.Helper()
	requireSoon(t, "a session on node "+name, func() bool {
		r := newEngine(t, f).do(t, http.MethodGet, "", nil)
		return r.StatusCode == http.StatusOK && r.Header.Get("X-Node") == name
	})
	return openedOn(t, f, name)
}

// Caddy holds a session on its Traefik, and Traefik holds it on its node.
func TestCaddyAndTraefikHoldSessionsOneBehindTheOther(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	behind := serveTimes(t, 2, traefikPlugin, plain.siteOf(nodes))
	var proxies []string
	for _, f := range behind {
		_, address, _ := strings.Cut(f.url, "://")
		proxies = append(proxies, address)
	}
	f := caddyShorthand.serve(t, site{upstreams: proxies})[0]

	e := newEngine(t, f)
	opened := e.handshake(t)
	require.Regexp(t, `^[A-Za-z0-9_-]{11}\.[0-9a-f]{16}\.[A-Za-z0-9_-]{20}$`, e.sid)
	for range 6 {
		r := e.post(t, "3")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.ownSID(), seenSID(t, r))
	}
	for _, transport := range transports {
		o := plain.small().crowdOf(f, transport).run(t)
		o.assertHeld(t)
		assert.Len(t, o.PerNode, len(nodes), "nodes that greeted clients")
	}
}
