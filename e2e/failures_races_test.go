package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// TestCaddyHasNoDataRace runs a Caddy built with the race detector under tagged,
// learned and cookie sessions at once, replaces its config, ends the learned ones
// and kills a node. The log of every Caddy is looked through for what the detector says.
func TestCaddyHasNoDataRace(t *testing.T) {
	const reloads = 5
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, "--allow-eio3")
	generation := 0
	c := testbed.WithGeneration(testbed.CaddySettingCookie("cookie").ExpectingErrors(testbed.BadGateway), &generation)
	c.Race = true
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := c.Start(t, block, f)

	talk := func(client int, reconnect bool) (talking testbed.ClientGroups) {
		for _, transport := range testbed.Transports {
			talking = append(talking, testbed.Clients{
				URL: f.URL, Count: 10, Version: client, Transports: transport, Messages: 2, MaxBytes: 2000,
				Mode: testbed.Continuous, Pause: 100, Reconnect: reconnect, CookieJar: true, WantSetCookies: 10,
			}.Start(t))
		}
		return talking
	}
	// The client of Socket.IO 2 ends with an error when its node dies between the
	// parts of a message: its parser still waits for them on the next connection.
	talking, learned := talk(4, true), talk(2, false)
	for _, r := range slices.Concat(talking, learned) {
		r.RequireReady(t)
	}
	testbed.EverySecond(reloads, func(n int) {
		generation = n
		running.Load(t, c.SiteBlock(f, s))
	})
	testbed.RequireGenerationReplaced(t, f, reloads)
	learned.FinishHeld(t)
	nodes[0].Kill()
	testbed.RequireSessions(t, nodes[1:], talking.Count())

	o := talking.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
}
