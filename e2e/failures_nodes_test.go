package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyMovesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	testNodeKilled(t, testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway), http.StatusBadRequest)
}

// Its health check has the interval of the README's example, and comes too late
// for clients that connect anew: retry has to find them another node.
func TestTraefikMovesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	h := testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true, HealthCheckInterval: "5s"}
	testNodeKilled(t, h, http.StatusBadGateway)
}

// testNodeKilled kills one of three nodes under three hundred sessions. The
// host is to answer the requests of its sessions with a status, but for those
// that it sent to the node: they get 502.
func testNodeKilled(t *testing.T, h testbed.Proxy, status int) {
	t.Helper()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	talking := testbed.StartReconnectingClients(t, f, 100, testbed.Transports...)
	bound := testbed.OpenSessionOn(t, f, "a")

	killed := time.Now()
	nodes[0].Kill()
	testbed.RequireEventually(t, "a poll of a session of the dead node is answered", func() bool {
		answer := bound.Do(t, http.MethodGet, "", nil).StatusCode
		assert.Contains(t, []int{status, http.StatusBadGateway}, answer)
		return answer == status
	})
	testbed.RequireSessions(t, nodes[1:], talking.Count())

	o := talking.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnectsSince(t, killed)
}

// Of sockets alone, nobody but who comes back finds out that a node is dead, and
// one without requests looks best: the first to come meet both of the dead.
func TestCaddyMovesTheSessionsOfTwoKilledNodes(t *testing.T) {
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	talking := testbed.StartReconnectingClients(t, f, 60, []string{"websocket"})

	killed := time.Now()
	nodes[0].Kill()
	nodes[1].Kill()
	testbed.RequireSessions(t, nodes[2:], talking.Count())

	o := talking.Finish(t)
	o.AssertOnlyLostOn(t, "a", "b")
	o.LogReconnectsSince(t, killed)
}

func TestCaddyBringsARestartedNodeBack(t *testing.T) {
	testNodeRestarted(t, testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway))
}

func TestTraefikBringsARestartedNodeBack(t *testing.T) {
	testNodeRestarted(t, testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true})
}

// testNodeRestarted kills a node and starts it again where it was.
func testNodeRestarted(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	talking := testbed.StartReconnectingClients(t, f, 30, testbed.Transports...)

	killed := time.Now()
	nodes[0].Kill()
	nodes[0] = testbed.StartNodesAt(t, []string{nodes[0].Addr}, []string{"a"})[0]
	testbed.RequireSessions(t, nodes, talking.Count())
	testbed.OpenSessionOn(t, f, "a")

	o := talking.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	o.LogReconnectsSince(t, killed)
}

func TestCaddyMovesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	testNodeFrozen(t, testbed.CaddyWith("health_uri /health", "health_interval 200ms", "health_timeout 4s").ExpectingErrors(testbed.BadGateway))
}

func TestTraefikMovesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	testNodeFrozen(t, testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}, HealthCheck: true})
}

// testNodeFrozen stops a node, which then takes connections and says nothing
// on them, and has it go on when all of its sessions are elsewhere. The health
// check finds out in half the time after which clients do.
func testNodeFrozen(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--ping-interval", "1000", "--ping-timeout", "10000")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	talking := testbed.StartReconnectingClients(t, f, 20, testbed.Transports...)

	frozen := time.Now()
	nodes[0].Signal(t, syscall.SIGSTOP)
	testbed.RequireSessions(t, nodes[1:], talking.Count())
	nodes[0].Signal(t, syscall.SIGCONT)
	testbed.OpenSessionOn(t, f, "a")

	o := talking.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnectsSince(t, frozen)
}

// All nodes are restarted at once under a thousand clients, as in a deployment
// that takes its time for nobody: all of them come back, and to all of the
// nodes. How many to each depends on which node is up first.
func TestCaddyBringsAThousandClientsBackWhenAllNodesRestart(t *testing.T) {
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	var talking testbed.ClientGroups
	for _, transport := range []string{"polling", "websocket"} {
		talking = append(talking, testbed.StartReconnectingClients(t, f, 500, []string{transport})...)
	}

	restarted := time.Now()
	for _, n := range nodes {
		n.Signal(t, syscall.SIGTERM)
	}
	for _, n := range nodes {
		n.RequireExited(t)
	}
	nodes = testbed.StartNodesAt(t, testbed.Addresses(nodes), []string{"a", "b", "c"})
	testbed.RequireSessions(t, nodes, talking.Count())

	o := talking.Finish(t)
	assert.Equal(t, o.Clients, o.Connected, "clients that a node greeted")
	assert.Equal(t, o.Clients, testbed.SumCounts(o.Lost), "clients that lost their session")
	assert.GreaterOrEqual(t, len(o.ReopenedAfter), o.Clients, "sessions opened anew")
	o.AssertCorrect(t)
	for _, n := range nodes {
		assert.Positive(t, o.Reopened[n.Name], "sessions on node %s, of %v", n.Name, o.Reopened)
	}
	o.LogReconnectsSince(t, restarted)
}

// A node dies under its sessions, and Traefik's health check finds out. Nobody
// else notices, and those who were on it connect anew elsewhere.
func TestTraefikMovesTheSessionsOfANodeThatDies(t *testing.T) {
	const clients = 30
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		t.Run(transports[0], func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
			h := testbed.TraefikPlugin
			h.HealthCheck = true
			f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			talking := testbed.Clients{
				URL: f.URL, Count: clients, Transports: transports, Messages: 2, MaxBytes: 2000,
				Mode: testbed.Continuous, Pause: 10, Reconnect: true,
			}.Start(t)
			talking.RequireReady(t)

			bound := testbed.OpenSessionOn(t, f, "a")
			nodes[0].Kill()
			testbed.RequireDeadNodeAvoided(t, f, len(nodes))
			// This is what makes its clients connect anew at once.
			lost := bound.Do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, lost.Text)

			o := talking.Finish(t)
			o.AssertCorrect(t)
			assert.Positive(t, o.PerNode["a"])
			assert.Equal(t, o.PerNode["a"], o.Disconnects, "sessions lost")
			assert.Zero(t, o.LostBeforeConnect, "sessions lost before a node greeted")
			assert.NotContains(t, o.Reopened, "a")
			reopened := 0
			for _, n := range o.Reopened {
				reopened += n
			}
			assert.Equal(t, o.PerNode["a"], reopened, "sessions opened anew, %v", o.Reopened)
		})
	}
}
