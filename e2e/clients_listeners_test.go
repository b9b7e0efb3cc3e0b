package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// Sessions hold on TCP and Unix sockets, and on TCP sockets through reloads
// too: with several sites on one port, on IPv6, and on a range of ports.
func TestCaddyHoldsSessionsOnEveryKindOfListener(t *testing.T) {
	t.Parallel()
	nodes, unixNodes := testbed.StartNodes(t, []string{"a", "b", "c"}), testbed.StartUnixNodes(t, "d", "e", "f")
	upstreams, unixUpstreams := testbed.Site{Upstreams: testbed.Addresses(nodes)}, testbed.Site{Upstreams: testbed.Addresses(unixNodes)}
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyShorthand, &generation)
	bound := func(to string) testbed.Caddy {
		return testbed.Caddy{Directive: func(upstreams string) string { return "bind " + to + "\n" + c.Directive(upstreams) }}
	}

	// Two sites on one port, each with nodes of its own, and both on two addresses.
	first := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
	second := testbed.Endpoint{URL: "http://127.0.0.2:" + first.Port()}
	six := testbed.Endpoint{URL: "http://[::1]:" + first.Port()}
	ranged := testbed.FreePorts(t, 3)
	// A Unix socket, and a site with a TCP address that proxies to it.
	socket, outer := filepath.Join(testbed.ShortTempDir(t), "site"), testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
	sites := func() string {
		return bound("127.0.0.1 127.0.0.2").SiteBlock(first, upstreams) + bound("127.0.0.1 127.0.0.2").SiteBlock(second, unixUpstreams) +
			// The Host header of polls in Node.js is ::1 without brackets: any host.
			bound("::1").SiteBlock(testbed.Endpoint{URL: "http://:" + six.Port()}, upstreams) + c.SiteBlock(ranged[0], upstreams) +
			bound("unix/"+socket).SiteBlock(testbed.Endpoint{URL: "http://127.0.0.1:80"}, unixUpstreams) +
			outer.URL + " {\nreverse_proxy unix/" + socket + "\n}\n"
	}
	running := testbed.StartCaddy(t, sites(), first, second, six, ranged[0], outer)
	load := func() {
		running.LoadPortRange(t, sites(), ranged)
		for _, f := range append([]testbed.Endpoint{first, second, six, outer}, ranged...) {
			testbed.RequireGenerationReplaced(t, f, generation)
		}
	}
	load()

	// The Unix socket and the site that proxies to it lose connections at a reload.
	for _, transport := range [][]string{{"polling"}, {"polling", "websocket"}} {
		c := testbed.Clients{URL: outer.URL, Count: 12, Transports: transport, Messages: 4, MaxBytes: 20_000}
		o := c.Run(t)
		o.AssertHeld(t)
		o.AssertBalanced(t, unixNodes)
	}

	var active testbed.ClientGroups
	for _, f := range append([]testbed.Endpoint{first, second, six}, ranged...) {
		active = append(active, testbed.Clients{
			URL: f.URL, Count: 12, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 1000,
		}.Start(t))
	}
	active.RequireReady(t)
	e := testbed.NewEngineWithoutKeepAlive(t, ranged[0])
	e.Handshake(t)
	node := e.Connect(t)
	for generation = 1; generation <= 3; generation++ {
		load()
		e.Endpoint = ranged[generation-1] // a session holds through every port
		assert.Equal(t, node, e.Echo(t, "still there"))
	}
	all := active.FinishHeld(t)
	for _, n := range append(nodes, unixNodes...) {
		assert.Positive(t, all.PerNode[n.Name], "sessions on node %s, of %v", n.Name, all.PerNode)
	}
}
