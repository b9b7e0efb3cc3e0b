package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// TestCaddyHasNoDataRace runs a Caddy built with the race detector with tagged,
// learned and cookie sessions at once, replaces its config, ends the learned
// sessions and kills a node. The test fails if Caddy's log has a report of the
// detector.
func TestCaddyHasNoDataRace(t *testing.T) {
	t.Parallel()
	const reloads = 5
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, append([]string{"--allow-eio3"}, fewPings...)...)
	generation := 0
	c := testbed.WithGeneration(testbed.CaddySettingCookie("cookie").ExpectingErrors(testbed.BadGateway), &generation)
	c.Race = true
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := c.Start(t, block, f)

	talk := func(client int, reconnect bool) *testbed.RunningClients {
		return testbed.Clients{
			URL: f.URL, Count: 30, Version: client, TransportsInTurn: testbed.Transports, Messages: 2, MaxBytes: 2000,
			Mode: testbed.Continuous, Pause: 250, Reconnect: reconnect, CookieJar: true, WantSetCookies: 30,
		}.Start(t)
	}
	// The client of Socket.IO 2 fails when its node dies between the parts of a
	// message: its parser still expects them on the next connection.
	active, learned := talk(4, true), talk(2, false)
	active.RequireReady(t)
	learned.RequireReady(t)
	testbed.EverySecond(reloads, func(n int) {
		generation = n
		running.Load(t, c.SiteBlock(f, s))
	})
	testbed.RequireGenerationReplaced(t, f, reloads)
	learned.Finish(t).AssertHeld(t)
	testbed.RequireSessionsClosed(t, nodes, active.Clients.Count)
	nodes[0].Kill()
	testbed.RequireActive(t, nodes[1:], active.Clients.Count)

	o := active.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
}
