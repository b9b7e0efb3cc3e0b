package e2e

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestCaddyHasNoDataRace runs a Caddy built with the race detector under tagged,
// learned and cookie sessions at once, replaces its config, ends the learned ones
// and kills a node. The log of every Caddy is looked through for what the detector says.
func TestCaddyHasNoDataRace(t *testing.T) {
	const reloads = 5
	nodes := startMortals(t, []string{"a", "b", "c"}, "--allow-eio3")
	generation := 0
	c := changing(caddyGiving("cookie").expecting(badGateway), &generation)
	c.race = true
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := c.start(t, block, f)

	talk := func(client int, reconnect bool) (talking runningCrowds) {
		for _, transport := range transports {
			talking = append(talking, crowd{
				URL: f.url, Clients: 10, Client: client, Transports: transport, Messages: 2, MaxBytes: 2000,
				Hold: "talk", Pause: 100, Reconnect: reconnect, CookieJar: true, cookies: 10,
			}.start(t))
		}
		return talking
	}
	// The client of Socket.IO 2 ends with an error when its node dies between the
	// parts of a message: its parser still waits for them on the next connection.
	talking, learned := talk(4, true), talk(2, false)
	for _, r := range slices.Concat(talking, learned) {
		r.requireReady(t)
	}
	everySecond(reloads, func(n int) {
		generation = n
		running.load(t, c.block(f, s))
	})
	requireTakenOver(t, f, reloads)
	learned.finishHeld(t)
	nodes[0].stop()
	requireSessions(t, nodes[1:], talking.clients())

	o := talking.finish(t)
	o.assertMoved(t, "a")
	assert.NotContains(t, o.Reopened, "a")
}
