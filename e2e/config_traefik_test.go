package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestTraefikReportsInvalidOptions(t *testing.T) {
	t.Parallel()
	names := []string{testbed.InnerCookie}
	cases := []struct {
		name    string
		options object
		says    []string
	}{
		{"no cookie names", object{"cookieNames": []string{}}, []string{"cookieNames", "empty"}},
		{"no option at all", object{}, []string{"cookieNames", "empty"}},
		{"a bad cookie name", object{"cookieNames": []string{"server id"}}, []string{"cookieNames", `"server id"`}},
		{"an unknown sid", object{"cookieNames": names, "sid": "sticky"}, []string{"sid", `"sticky"`}},
		{"an unknown option", object{"cookieName": "server_id"}, []string{"unknown option", "cookieName"}},
		{"a list where there is none", object{"cookieNames": names, "exposeCookie": []string{"yes", "no"}}, []string{"ExposeCookie"}},
	}
	nodes := testbed.StartNodes(t, []string{"a"})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := testbed.TraefikPlugin
			h.Options, h.ExpectedErrors = tc.options, []string{tc.says[0]}
			r := h.Start(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
			r.RequireLogged(t, tc.says...)
			// Traefik runs without the router.
			testbed.RequireEventually(t, "the router is gone", func() bool {
				resp, err := r.Endpoints[0].Get("/health")
				return err == nil && resp.StatusCode == http.StatusNotFound
			})
		})
	}
}

// Without a sticky cookie the plugin has no tag. It logs one warning, and
// sessions open all the same.
func TestTraefikWarnsOnceWithoutAStickyCookie(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"})
	h := testbed.TraefikPlugin
	h.WithoutStickyCookie, h.ExpectedErrors = true, []string{"loadBalancer.sticky.cookie.name"}
	r := h.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	for range 9 {
		e := testbed.NewEngine(t, r.Endpoints[0])
		e.Handshake(t)
		assert.NotContains(t, e.SID, ".")
		assert.Equal(t, "a", e.Connect(t))
	}
	r.RequireLogged(t, "loadBalancer.sticky.cookie.name", testbed.InnerCookie, testbed.PluginMiddleware+"@file")
	r.Kill()
	assert.Equal(t, 1, r.CountLogged("loadBalancer.sticky.cookie.name"))
}
