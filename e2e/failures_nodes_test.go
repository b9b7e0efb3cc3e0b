package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// fewPings are flags of nodes whose clients notice after 15 seconds, and not after 45,
// what nothing else tells them: the client gives up polling to upgrade, and the node
// dies meanwhile.
var fewPings = []string{"--ping-interval", "5000", "--ping-timeout", "10000"}

func TestCaddyLosesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	t.Parallel()
	testNodeKilled(t, testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway), http.StatusBadRequest)
}

// Its health check has the interval of the README's example, which is too long
// for clients that reconnect: retry has to find another node for them.
func TestTraefikLosesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	t.Parallel()
	h := testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true, HealthCheckInterval: "5s"}
	testNodeKilled(t, h, http.StatusBadGateway)
}

// testNodeKilled kills one of three nodes with a hundred sessions each. The
// proxy must answer later requests of these sessions with this status, or with
// 502 if it had sent them to the node before.
func testNodeKilled(t *testing.T, h testbed.Proxy, status int) {
	t.Helper()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, fewPings...)
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	active := testbed.StartReconnectingClients(t, f, 100, testbed.Transports...)
	bound := testbed.OpenSessionOn(t, f, "a")

	killed := time.Now()
	nodes[0].Kill()
	testbed.RequireEventually(t, "a poll of a session of the dead node is answered", func() bool {
		answer := bound.Do(t, http.MethodGet, "", nil).StatusCode
		assert.Contains(t, []int{status, http.StatusBadGateway}, answer)
		return answer == status
	})
	testbed.RequireActive(t, nodes[1:], active.Count())

	o := active.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnectsSince(t, killed)
}

// With WebSockets alone, only reconnecting clients find out that a node is
// dead, and a dead node has the least connections: the first clients meet both
// of the dead nodes.
func TestCaddyLosesOnlyTheSessionsOfTwoKilledNodes(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	active := testbed.StartReconnectingClients(t, f, 60, []string{"websocket"})

	killed := time.Now()
	nodes[0].Kill()
	nodes[1].Kill()
	testbed.RequireActive(t, nodes[2:], active.Count())

	o := active.Finish(t)
	o.AssertOnlyLostOn(t, "a", "b")
	o.LogReconnectsSince(t, killed)
}

func TestCaddyUsesARestartedNodeAgain(t *testing.T) {
	t.Parallel()
	testNodeRestarted(t, testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway))
}

func TestTraefikUsesARestartedNodeAgain(t *testing.T) {
	t.Parallel()
	testNodeRestarted(t, testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true})
}

// testNodeRestarted kills a node and starts it again at the same address.
func testNodeRestarted(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, fewPings...)
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	active := testbed.StartReconnectingClients(t, f, 30, testbed.Transports...)

	killed := time.Now()
	nodes[0].Kill()
	nodes[0] = testbed.StartNodesAt(t, []string{nodes[0].Addr}, []string{"a"}, fewPings...)[0]
	testbed.RequireActive(t, nodes, active.Count())
	testbed.OpenSessionOn(t, f, "a")

	o := active.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	o.LogReconnectsSince(t, killed)
}

func TestCaddyLosesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	t.Parallel()
	testNodeFrozen(t, testbed.CaddyWith("health_uri /health", "health_interval 200ms", "health_timeout 4s").ExpectingErrors(testbed.BadGateway))
}

func TestTraefikLosesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	t.Parallel()
	testNodeFrozen(t, testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true})
}

// testNodeFrozen stops a node, which then accepts connections and sends
// nothing, and continues it when all of its clients have reconnected elsewhere.
// The health check fails in half the time after which the clients notice.
func testNodeFrozen(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, "--ping-interval", "1000", "--ping-timeout", "10000")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	active := testbed.StartReconnectingClients(t, f, 20, testbed.Transports...)

	frozen := time.Now()
	nodes[0].Signal(t, syscall.SIGSTOP)
	testbed.RequireActive(t, nodes[1:], active.Count())
	nodes[0].Signal(t, syscall.SIGCONT)
	testbed.OpenSessionOn(t, f, "a")

	o := active.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnectsSince(t, frozen)
}

// All nodes are restarted at once under many clients, as in a deployment that does
// not drain them. All clients reconnect, and all nodes get some. How many each gets
// depends on which node is up first.
func TestCaddyReconnectsAllClientsWhenAllNodesRestart(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	active := testbed.StartReconnectingClients(t, f, testbed.FromEnvironment(t, soakSessions, 300)/2, []string{"polling"}, []string{"websocket"})

	restarted := time.Now()
	for _, n := range nodes {
		n.Signal(t, syscall.SIGTERM)
	}
	for _, n := range nodes {
		n.RequireExited(t)
	}
	nodes = testbed.StartNodesAt(t, testbed.Addresses(nodes), []string{"a", "b", "c"})
	testbed.RequireActive(t, nodes, active.Count())

	o := active.Finish(t)
	assert.Equal(t, o.Clients, o.Connected, "clients that connected")
	assert.Equal(t, o.Clients, testbed.SumCounts(o.Lost), "clients that lost their session")
	assert.GreaterOrEqual(t, len(o.ReopenedAfter), o.Clients, "sessions reopened")
	o.AssertCorrect(t)
	for _, n := range nodes {
		assert.Positive(t, o.Reopened[n.Name], "sessions on node %s, of %v", n.Name, o.Reopened)
	}
	o.LogReconnectsSince(t, restarted)
}

// Traefik's health check notices that a node is dead. Its clients reconnect to
// other nodes, and no other client is affected.
func TestTraefikLosesOnlyTheSessionsOfANodeThatFailsItsHealthCheck(t *testing.T) {
	t.Parallel()
	const clients = 30
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		t.Run(transports[0], func(t *testing.T) {
			nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
			h := testbed.TraefikPlugin
			h.HealthCheck = true
			f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			active := testbed.Clients{
				URL: f.URL, Count: clients, Transports: transports, Messages: 2, MaxBytes: 2000,
				Mode: testbed.Continuous, Pause: 10, Reconnect: true,
			}.Start(t)
			active.RequireReady(t)

			bound := testbed.OpenSessionOn(t, f, "a")
			nodes[0].Kill()
			testbed.RequireDeadNodeAvoided(t, f, len(nodes))
			// This reply makes clients reconnect.
			lost := bound.Do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, lost.Text)

			o := active.Finish(t)
			o.AssertCorrect(t)
			assert.Positive(t, o.PerNode["a"])
			assert.Equal(t, o.PerNode["a"], o.Disconnects, "sessions lost")
			assert.Zero(t, o.LostBeforeConnect, "sessions lost before they were connected")
			assert.NotContains(t, o.Reopened, "a")
			reopened := 0
			for _, n := range o.Reopened {
				reopened += n
			}
			assert.Equal(t, o.PerNode["a"], reopened, "sessions reopened, %v", o.Reopened)
		})
	}
}
