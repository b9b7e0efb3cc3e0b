package e2e

import (
	"encoding/json"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// rollingSessions is the variable that says how many clients come and go while
// nodes are replaced, a multiple of 3.
const rollingSessions = "ROLLING_SESSIONS"

// A rolling deploy drains each node, waits until the sessions that end by
// themselves have ended, and replaces the node: only the sessions that are still
// open then are lost. The clients of all others see no error.
func TestCaddyLosesOnlySessionsThatOutlastARollingDeploy(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	endpoints, block := testbed.CaddyShorthand.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	running := testbed.Caddy{}.ExpectingErrors(testbed.BadGateway).Start(t, block, endpoints...)
	testRollingDeploy(t, endpoints[0], nodes, 300,
		func(n *testbed.Node) { postDrain(t, running, adminapi.DrainPath, n) },
		func(n *testbed.Node) { postDrain(t, running, adminapi.UndrainPath, n) })
}

// postDrain drains a node by Caddy's admin API, or ends that.
func postDrain(t *testing.T, running *testbed.RunningCaddy, path string, n *testbed.Node) {
	t.Helper()
	status, reply := running.AdminRequest(t, http.MethodPost, path, "application/json", `{"upstream":"`+n.Addr+`"}`)
	require.Equal(t, http.StatusOK, status, reply)
	var upstream adminapi.Upstream
	require.NoError(t, json.Unmarshal([]byte(reply), &upstream))
	assert.Equal(t, path == adminapi.DrainPath, upstream.Draining)
}

// testRollingDeploy replaces each node in turn, while this many clients come and go
// by default, and a few stay for longer than the deploy waits for them.
func testRollingDeploy(t *testing.T, f testbed.Endpoint, nodes []*testbed.Node, sessions int, drain, undrain func(*testbed.Node)) {
	t.Helper()
	each := testbed.FromEnvironment(t, rollingSessions, sessions) / len(testbed.Transports)
	visitors := make([]testbed.Clients, len(testbed.Transports))
	stayers := make([]testbed.Clients, len(testbed.Transports))
	for i, transports := range testbed.Transports {
		all := testbed.Clients{URL: f.URL, Transports: transports, Messages: 1, MaxBytes: 2000, Reconnect: true}
		visitors[i], stayers[i] = all, all
		visitors[i].Count, visitors[i].Mode, visitors[i].Pause, visitors[i].Stay = each, testbed.Continuous, 1000, 3000
		stayers[i].Count, stayers[i].Mode = 4, testbed.Commands
	}
	visiting, staying := testbed.StartClients(t, visitors...), testbed.StartClients(t, stayers...)

	forced := 0
	for i, n := range nodes {
		stay := sessionsOn(staying.Do(t, "round"), n)
		drain(n)
		testbed.RequireEventually(t, "only the sessions that stay are left on node "+n.Name, func() bool {
			return n.Status(t).Clients <= stay
		})
		n.Signal(t, syscall.SIGTERM) // the deadline of those that stay has passed
		n.RequireExited(t)
		nodes[i] = testbed.StartNodesAt(t, []string{n.Addr}, []string{n.Name})[0]
		undrain(nodes[i])
		forced += stay
		testbed.RequireEventually(t, "the new node "+n.Name+" has sessions", func() bool { return nodes[i].Status(t).Clients > 0 })
	}

	o := visiting.Finish(t)
	assert.Zero(t, o.Disconnects, "sessions lost by clients that come and go: %v", o.Lost)
	assert.Zero(t, o.LostBeforeConnect, "sessions lost before they were connected")
	assert.Empty(t, o.ConnectErrors, "connect errors")
	assert.Greater(t, o.Visits, o.Clients, "sessions opened by clients that come and go")
	o.AssertCorrect(t)
	visits := o.Visits

	o = staying.Finish(t)
	assert.Equal(t, forced, o.Disconnects, "sessions lost by clients that stay: those that a deadline ended")
	assert.Len(t, o.ReopenedAfter, forced, "sessions reopened by clients that stay")
	assert.Empty(t, o.ConnectErrors, "connect errors")
	o.AssertCorrect(t)
	t.Logf("%d clients opened %d sessions and lost none; %d of %d sessions that stayed were ended", visiting.Count(), visiting.Count()+visits, forced, staying.Count())
}

// sessionsOn returns how many of the clients' sessions are on a node.
func sessionsOn(o testbed.Result, n *testbed.Node) int {
	return o.PerNode[n.Name] - o.Lost[n.Name] + o.Reopened[n.Name]
}
