package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTraefikSaysWhatIsWrongWithTheOptions(t *testing.T) {
	names := []string{innerCookie}
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
	nodes := startNodes(t, []string{"a"})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := traefikPlugin
			h.options, h.expects = tc.options, []string{tc.says[0]}
			r := h.start(t, site{upstreams: addresses(nodes)})
			r.requireLogged(t, tc.says...)
			// Traefik goes on without the router.
			requireSoon(t, "the router is gone", func() bool {
				resp, err := r.fronts[0].get("/health")
				return err == nil && resp.StatusCode == http.StatusNotFound
			})
		})
	}
}

// Without a sticky cookie there is nothing to bind. Traefik's log says so once
// for all of the sessions, and the sessions open all the same.
func TestTraefikSaysOnceThatThereIsNoStickyCookie(t *testing.T) {
	nodes := startNodes(t, []string{"a"})
	h := traefikPlugin
	h.forgetful, h.expects = true, []string{"loadBalancer.sticky.cookie.name"}
	r := h.serveRunning(t, site{upstreams: addresses(nodes)})
	for range 9 {
		e := newEngine(t, r.fronts[0])
		e.handshake(t)
		assert.NotContains(t, e.sid, ".")
		assert.Equal(t, "a", e.connect(t))
	}
	r.requireLogged(t, "loadBalancer.sticky.cookie.name", innerCookie, plugin+"@file")
	r.stop()
	assert.Equal(t, 1, r.logged("loadBalancer.sticky.cookie.name"))
}
