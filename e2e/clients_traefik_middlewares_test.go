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

	"github.com/eio-affinity/affinity/internal/testbed"
)

// middlewares adds middlewares to those that a chain may always have.
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

// Middlewares that change the path may change the query's position too.
func TestTraefikHoldsSessionsWithMiddlewaresThatChangeThePath(t *testing.T) {
	t.Parallel()
	inner := testbed.Variant{Flags: []string{"--path", "/app/socket.io"}, Messages: 6}
	nodes := inner.StartNodes(t, "a", "b", "c")
	for _, chain := range [][]string{{"strip", "add", testbed.PluginMiddleware}, {testbed.PluginMiddleware, "strip", "add"}, {"strip", testbed.PluginMiddleware, "add"}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			r := testbed.Traefik{Chain: chain, Change: prefixes}.Start(t, inner.SiteOf(nodes))
			s := inner.Small()
			s.Path = "/chat/socket.io"
			r.RequireRoutes(t, r.Endpoints[0], s.Path+"/")
			s.RunHeld(t, r.Endpoints[0], []string{"polling", "websocket"}).AssertBalanced(t, nodes)
		})
	}
}

// The middleware may be at an entry point and at a router, for example.
func TestTraefikHoldsSessionsWithThePluginTwice(t *testing.T) {
	t.Parallel()
	for _, s := range []testbed.Variant{testbed.Plain.Small(), testbed.SocketIO2.Small()} {
		t.Run(s.Name, func(t *testing.T) {
			nodes := s.StartNodes(t, "a", "b", "c")
			f := testbed.Traefik{Chain: []string{testbed.PluginMiddleware, testbed.PluginMiddleware}}.Serve(t, s.SiteOf(nodes))[0]
			s.RunHeld(t, f, testbed.Transports[:2]...).AssertBalanced(t, nodes)
		})
	}
}

func TestTraefikHoldsSessionsWithErrorPages(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	dead := testbed.FreeAddress(t)
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
	for _, chain := range [][]string{{"pages", testbed.PluginMiddleware}, {testbed.PluginMiddleware, "pages"}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			h := testbed.Traefik{Chain: chain, Change: change}
			endpoints := h.Serve(t, testbed.Plain.SiteOf(nodes), testbed.Site{Upstreams: []string{dead}})
			testbed.Plain.Small().RunHeld(t, endpoints[0], []string{"polling", "websocket"}).AssertBalanced(t, nodes)

			failed := testbed.NewEngine(t, endpoints[1]).Do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadGateway, failed.StatusCode)
			assert.Equal(t, "sorry: /502", failed.Text)
			assert.Empty(t, testbed.CookiesNamed(failed, testbed.InnerCookie))
		})
	}
}

// Traefik drops the replies of the service that gets the mirrored requests.
func TestTraefikHoldsSessionsOfAMirroredService(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	var mirrored, bound atomic.Int64
	shadow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mirrored.Add(1)
		if strings.Contains(r.URL.Query().Get("sid"), ".") {
			bound.Add(1)
		}
		w.WriteHeader(http.StatusBadRequest)
	}))
	t.Cleanup(shadow.Close)
	h := testbed.TraefikPlugin
	h.Change = func(http object) {
		services := http["services"].(object)
		services["main"] = services["site0"]
		services["shadow"] = object{"loadBalancer": object{"servers": []object{{"url": shadow.URL}}, "sticky": h.StickyCookie(testbed.InnerCookie)}}
		services["site0"] = object{"mirroring": object{
			"service": "main", "mirrors": []object{{"name": "shadow", "percent": 100}},
		}}
	}
	f := h.Serve(t, testbed.Plain.SiteOf(nodes))[0]
	testbed.Plain.Small().RunHeld(t, f, testbed.Transports[:2]...).AssertBalanced(t, nodes)
	assert.Positive(t, mirrored.Load(), "requests that were mirrored")
	assert.Zero(t, bound.Load(), "mirrored requests with a tag in their session ID")
}
