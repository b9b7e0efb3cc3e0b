package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// All nodes are restarted at once under a thousand clients, as in a deployment
// that takes its time for nobody: all of them come back, and to all of the
// nodes. How many to each depends on which node is up first.
func TestCaddyBringsAThousandClientsBackWhenAllNodesRestart(t *testing.T) {
	nodes := startMortals(t, []string{"a", "b", "c"})
	f := caddyShorthand.expecting(badGateway).serve(t, site{upstreams: addresses(nodes)})[0]
	var talking runningCrowds
	for _, transport := range []string{"polling", "websocket"} {
		talking = append(talking, startTalking(t, f, 500, []string{transport})...)
	}

	restarted := time.Now()
	for _, n := range nodes {
		n.signal(t, syscall.SIGTERM)
	}
	for _, n := range nodes {
		n.requireEnded(t)
	}
	nodes = startNodesAt(t, addresses(nodes), []string{"a", "b", "c"})
	requireSessions(t, nodes, talking.clients())

	o := talking.finish(t)
	assert.Equal(t, o.Clients, o.Connected, "clients that a node greeted")
	assert.Equal(t, o.Clients, sum(o.Lost), "clients that lost their session")
	assert.GreaterOrEqual(t, len(o.ReopenedAfter), o.Clients, "sessions opened anew")
	o.assertRight(t)
	for _, n := range nodes {
		assert.Positive(t, o.Reopened[n.name], "sessions on node %s, of %v", n.name, o.Reopened)
	}
	o.logReturnsSince(t, restarted)
}

func sum(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}
