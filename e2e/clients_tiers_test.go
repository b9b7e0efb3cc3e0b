package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// tieredCaddy is two tiers of Caddy with this module. Each tier adds a tag, so
// that a client's session ID has two, and strips its own.
type tieredCaddy struct {
	outer, inner testbed.Caddy
}

// Serve starts an outer Caddy in front of two inner ones, each of which has
// half of the site's nodes.
func (h tieredCaddy) Serve(t *testing.T, sites ...testbed.Site) []testbed.Endpoint {
	t.Helper()
	endpoints := make([]testbed.Endpoint, len(sites))
	for i, s := range sites {
		half := len(s.Upstreams) / 2
		inner := make([]string, 2)
		for j, nodes := range [][]string{s.Upstreams[:half], s.Upstreams[half:]} {
			inner[j] = h.inner.Serve(t, testbed.Site{Upstreams: nodes})[0].Address()
		}
		s.Upstreams = inner
		endpoints[i] = h.outer.Serve(t, s)[0]
		endpoints[i].TagPattern += `\.` + endpoints[i].TagPattern
	}
	return endpoints
}

func TestCaddyHoldsSessionsInTwoTiersOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		each testbed.Caddy
		like testbed.Variant
	}{
		{"Socket.IO 4", testbed.CaddyWith("sid auto"), testbed.Plain},
		{"Socket.IO 4 that are learned", testbed.CaddyWith("sid learn"), testbed.Plain},
		{"Socket.IO 2, which are learned", testbed.CaddyWith("sid auto"), testbed.SocketIO2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testTiers(t, tieredCaddy{tc.each, tc.each}, tc.like)
		})
	}
}

// testTiers runs clients over each of the transports at once, on four nodes
// behind two tiers.
func testTiers(t *testing.T, h testbed.Proxy, like testbed.Variant) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c", "d"}, like.Flags...)
	f := h.Serve(t, like.SiteOf(nodes))[0]
	like = like.Small()
	like.Clients = 16
	like.RunHeld(t, f, testbed.Transports...).AssertBalanced(t, nodes)
}

func TestCaddyTagsTheSessionIDInEachTier(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c", "d"}, "--trace")
	f := tieredCaddy{testbed.CaddyShorthand, testbed.CaddyShorthand}.Serve(t, testbed.Plain.SiteOf(nodes))[0]
	for range 8 {
		e := testbed.NewEngine(t, f)
		opened := e.HandshakeBound(t)
		for range 3 {
			r := e.Post(t, "3")
			assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			assert.Equal(t, e.NodeSID(), testbed.SeenSID(t, r))
		}
	}
}

// oneCaddy is two tiers in one process: a site in front of two others.
type oneCaddy struct {
	testbed.Caddy
}

// Serve implements [testbed.Proxy].
func (h oneCaddy) Serve(t *testing.T, sites ...testbed.Site) []testbed.Endpoint {
	t.Helper()
	half := len(sites[0].Upstreams) / 2
	inner, blocks := h.Sites(t, testbed.Site{Upstreams: sites[0].Upstreams[:half]}, testbed.Site{Upstreams: sites[0].Upstreams[half:]})
	outer, block := h.Sites(t, testbed.Site{Upstreams: []string{inner[0].Address(), inner[1].Address()}})
	testbed.StartCaddy(t, blocks+block, append(inner, outer...)...)
	return outer
}

func TestCaddyHoldsSessionsInTwoTiersOfOneProcess(t *testing.T) {
	t.Parallel()
	for _, s := range []testbed.Variant{testbed.Plain, testbed.SocketIO2} {
		t.Run(s.Name, func(t *testing.T) {
			testTiers(t, oneCaddy{testbed.CaddyShorthand}, s)
		})
	}
}

// Caddy holds a session on its Traefik, and Traefik holds it on its node.
func TestCaddyHoldsSessionsInFrontOfTraefik(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	behind := testbed.ServeTimes(t, 2, testbed.TraefikPlugin, testbed.Plain.SiteOf(nodes))
	var proxies []string
	for _, f := range behind {
		proxies = append(proxies, f.Address())
	}
	f := testbed.CaddyShorthand.Serve(t, testbed.Site{Upstreams: proxies})[0]

	e := testbed.NewEngine(t, f)
	opened := e.Handshake(t)
	require.Regexp(t, `^[A-Za-z0-9_-]{11}\.[0-9a-f]{16}\.[A-Za-z0-9_-]{20}$`, e.SID)
	for range 6 {
		r := e.Post(t, "3")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		assert.Equal(t, e.NodeSID(), testbed.SeenSID(t, r))
	}
	o := testbed.Plain.Small().RunHeld(t, f, testbed.Transports...)
	assert.Len(t, o.PerNode, len(nodes), "nodes with clients")
}
