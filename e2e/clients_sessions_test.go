package e2e

import (
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// variants are the ways to set up nodes and proxy. The first runs with clients and
// messages of full size.
var variants = []testbed.Variant{
	testbed.Plain,
	testbed.Variant{Name: "nodes that compress", Flags: []string{"--compression"}}.Small(),
	testbed.Variant{Name: "https", HTTPS: true}.Small(),
	testbed.Variant{Name: "a path of its own", Flags: []string{"--path", "/chat/io"}, Path: "/chat/io"}.Small(),
	testbed.Variant{Name: "a proxy that compresses", Compress: true}.Small(),
	testbed.Variant{Name: "nodes written in Go", Nodes: testbed.StartGoNodes}.Small(),
}

func TestCaddyHoldsSessionsWith(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			testSessionsHold(t, testbed.CaddyShorthand, v, testbed.Transports...)
		})
	}
}

func TestTraefikHoldsSessionsWith(t *testing.T) {
	t.Parallel()
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			testSessionsHold(t, testbed.TraefikPlugin, v, testbed.Transports...)
		})
	}
}

// caddyLongForm is the module without the shorthand socketio.
var caddyLongForm = testbed.Caddy{Directive: func(upstreams string) string {
	return "affinity\nreverse_proxy " + upstreams +
		" {\nlb_policy affinity\nlb_retries 3\nlb_retry_match {\nnot path *\n}\nstream_close_delay 24h\ntransport http {\nkeepalive 2s\n}\n}"
}}

func TestCaddyHoldsSessionsInTheLongForm(t *testing.T) {
	t.Parallel()
	testSessionsHold(t, caddyLongForm, testbed.Plain.Small(), testbed.Transports...)
}

// testSessionsHold runs clients over each of the transports at once. No session is
// lost, and the nodes have about as many each.
func testSessionsHold(t *testing.T, h testbed.Proxy, v testbed.Variant, transports ...[]string) {
	t.Helper()
	nodes := v.StartNodes(t, "a", "b", "c")
	f := h.Serve(t, v.SiteOf(nodes))[0]

	o := v.RunHeld(t, f, transports...)
	if !f.Unbalanced {
		o.AssertBalanced(t, nodes)
	}
}

func TestCaddyHoldsSessionsOfTwoSites(t *testing.T) {
	t.Parallel()
	testTwoSites(t, testbed.CaddyShorthand)
}

// Both sites share one middleware.
func TestTraefikHoldsSessionsOfTwoSites(t *testing.T) {
	t.Parallel()
	testTwoSites(t, testbed.TraefikPlugin)
}

// testTwoSites runs clients of two sites of one proxy at once, each site with nodes
// of its own.
func testTwoSites(t *testing.T, h testbed.Proxy) {
	t.Helper()
	v := testbed.Plain.Small()
	nodes := [][]*testbed.Node{
		testbed.StartNodes(t, []string{"a", "b", "c"}),
		testbed.StartNodes(t, []string{"d", "e", "f"}),
	}
	endpoints := h.Serve(t, v.SiteOf(nodes[0]), v.SiteOf(nodes[1]))

	var running testbed.ClientGroups
	for _, f := range endpoints {
		running = append(running, v.ClientsInTurn(f, testbed.Transports...).Start(t))
	}
	for i, r := range running {
		o := r.Wait(t)
		o.AssertHeld(t)
		o.AssertBalanced(t, nodes[i])
	}
}
