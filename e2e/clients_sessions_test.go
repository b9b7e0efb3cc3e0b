package e2e

import (
	"strings"
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
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			testSessionsHold(t, testbed.CaddyShorthand, v, testbed.Transports...)
		})
	}
}

func TestTraefikHoldsSessionsWith(t *testing.T) {
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
	testSessionsHold(t, caddyLongForm, testbed.Plain.Small(), testbed.Transports...)
}

// testSessionsHold runs clients over each of the transports at once. No session is
// lost, and the nodes have about as many each.
func testSessionsHold(t *testing.T, h testbed.Proxy, v testbed.Variant, transports ...[]string) {
	t.Helper()
	nodes := v.StartNodes(t, "a", "b", "c")
	f := h.Serve(t, v.SiteOf(nodes))[0]

	running := make(testbed.ClientGroups, len(transports))
	for i, transport := range transports {
		running[i] = v.ClientsOf(f, transport).Start(t)
	}
	var all testbed.Result
	for i, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			o := running[i].Wait(t)
			o.AssertHeld(t)
			all = all.Add(o)
		})
	}
	if !f.Unbalanced {
		all.AssertBalanced(t, nodes)
	}
}

func TestCaddyHoldsSessionsOfTwoSites(t *testing.T) {
	testTwoSites(t, testbed.CaddyShorthand)
}

// Both sites share one middleware.
func TestTraefikHoldsSessionsOfTwoSites(t *testing.T) {
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

	running := make([]testbed.ClientGroups, len(endpoints))
	for i, f := range endpoints {
		for _, transport := range testbed.Transports {
			running[i] = append(running[i], v.ClientsOf(f, transport).Start(t))
		}
	}
	for i := range running {
		running[i].WaitHeld(t).AssertBalanced(t, nodes[i])
	}
}
