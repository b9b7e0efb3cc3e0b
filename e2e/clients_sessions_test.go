package e2e

import (
	"strings"
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

var variants = []testbed.Variant{
	testbed.Plain,
	{Name: "nodes that compress", Flags: []string{"--compression"}, Messages: 20},
	{Name: "https", HTTPS: true, Messages: 20},
	{Name: "a path of its own", Flags: []string{"--path", "/chat/io"}, Path: "/chat/io", Messages: 20},
	{Name: "a front that compresses", Compress: true, Messages: 20},
	{Name: "nodes written in Go", Nodes: testbed.StartGoNodes, Messages: 20},
}

func TestCaddyHoldsSessionsWith(t *testing.T) {
	for _, s := range variants {
		t.Run(s.Name, func(t *testing.T) {
			testSessionsHold(t, testbed.CaddyShorthand, s, testbed.Transports...)
		})
	}
}

func TestTraefikHoldsSessionsWith(t *testing.T) {
	for _, s := range variants {
		t.Run(s.Name, func(t *testing.T) {
			testSessionsHold(t, testbed.TraefikPlugin, s, testbed.Transports...)
		})
	}
}

var caddyLongForm = testbed.Caddy{Directive: func(upstreams string) string {
	return "affinity\nreverse_proxy " + upstreams +
		" {\nlb_policy affinity\nlb_retries 3\nlb_retry_match {\nnot path *\n}\nstream_close_delay 24h\ntransport http {\nkeepalive 2s\n}\n}"
}}

func TestCaddyHoldsSessionsInTheLongForm(t *testing.T) {
	testSessionsHold(t, caddyLongForm, testbed.Plain, testbed.Transports...)
}

// testSessionsHold runs a crowd over each of the transports in one setting,
// each with nodes and a host of its own: what one crowd leaves behind may not
// change where the next one goes.
func testSessionsHold(t *testing.T, h testbed.Proxy, s testbed.Variant, transports ...[]string) {
	t.Helper()
	for _, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			nodes := s.StartNodes(t, "a", "b", "c")
			f := h.Serve(t, s.SiteOf(nodes))[0]

			o := s.ClientsOf(f, transport).Run(t)
			o.AssertHeld(t)
			if !f.Unbalanced {
				o.AssertBalanced(t, nodes)
			}
		})
	}
}

func TestCaddyHoldsSessionsOfTwoSites(t *testing.T) {
	testTwoSites(t, testbed.CaddyShorthand)
}

// Both sites have the plugin from one middleware.
func TestTraefikHoldsSessionsOfTwoSites(t *testing.T) {
	testTwoSites(t, testbed.TraefikPlugin)
}

// testTwoSites runs two crowds at the same time, each on a site and nodes of
// its own behind the same host.
func testTwoSites(t *testing.T, h testbed.Proxy) {
	t.Helper()
	for _, transport := range testbed.Transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			sites := [][]*testbed.Node{
				testbed.StartNodes(t, []string{"a", "b", "c"}),
				testbed.StartNodes(t, []string{"d", "e", "f"}),
			}
			endpoints := h.Serve(t, testbed.Plain.SiteOf(sites[0]), testbed.Plain.SiteOf(sites[1]))

			groups := []*testbed.RunningClients{
				testbed.Plain.ClientsOf(endpoints[0], transport).Start(t),
				testbed.Plain.ClientsOf(endpoints[1], transport).Start(t),
			}
			for i, nodes := range sites {
				o := groups[i].Wait(t)
				o.AssertHeld(t)
				o.AssertBalanced(t, nodes)
			}
		})
	}
}
