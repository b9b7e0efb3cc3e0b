package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyHoldsSessionsWhenUpstreamsChange(t *testing.T) {
	t.Parallel()
	testUpstreamsChange(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsWhenServersChange(t *testing.T) {
	t.Parallel()
	testUpstreamsChange(t, testbed.TraefikPlugin)
}

// testUpstreamsChange adds a node to the config and removes another, while
// clients send messages.
func testUpstreamsChange(t *testing.T, h testbed.Reconfigurable) {
	t.Helper()
	const clients = 30
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f, serve := h.ServeReconfigurable(t, nodes[:2])

	each := testbed.Clients{URL: f.URL, Count: clients, Messages: 2, MaxBytes: 2000, Pause: 100, Reconnect: true}
	sockets, polls := each, each
	sockets.Transports, sockets.Mode, sockets.WantSetCookies = []string{"websocket"}, testbed.Continuous, f.CookiesFor(clients, []string{"websocket"})
	polls.Transports, polls.Mode = []string{"polling"}, testbed.Commands
	active, pollers := sockets.Start(t), polls.Start(t)
	active.RequireReady(t)
	pollers.RequireReady(t)
	change := func(to []*testbed.Node) testbed.Result {
		pollers.Send(t, "round")
		serve(to)
		pollers.RequireDone(t, "round")
		return pollers.Do(t, "round")
	}

	o := change(nodes)
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")
	assert.Positive(t, newSessions(t, f)["c"], "new sessions on the new node")

	change(nodes[1:])
	assert.NotContains(t, newSessions(t, f), "a", "new sessions on the removed node")

	assertOnlyPollingMoved(t, pollers, active)
}

// newSessions runs some clients and returns their number by node.
func newSessions(t *testing.T, f testbed.Endpoint) map[string]int {
	t.Helper()
	o := testbed.Clients{URL: f.URL, Count: 12, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000}.Run(t)
	o.AssertHeld(t)
	return o.PerNode
}

func TestCaddyFollowsDynamicAUpstreams(t *testing.T) {
	t.Parallel()
	testNodesAreFoundByName(t, func(resolver, port string) testbed.Caddy {
		return caddyWithDynamicUpstreams("dynamic a {\nname " + testbed.NodesName + "\nport " + port + "\nrefresh 100ms\nresolvers " + resolver + "\nversions ipv4\n}")
	})
}

func TestCaddyFollowsDynamicSRVUpstreams(t *testing.T) {
	t.Parallel()
	testNodesAreFoundByName(t, func(resolver, _ string) testbed.Caddy {
		return caddyWithDynamicUpstreams(
			"dynamic srv "+testbed.NodesService+" {\nrefresh 100ms\nresolvers "+resolver+"\n}",
			"transport http {\nkeepalive 2s\nresolvers "+resolver+"\n}")
	})
}

// caddyWithDynamicUpstreams is the directive socketio with dynamic upstreams in
// these lines of its block.
func caddyWithDynamicUpstreams(lines ...string) testbed.Caddy {
	return testbed.Caddy{Directive: func(string) string {
		return "socketio {\n" + strings.Join(lines, "\n") + "\n}"
	}}
}

// testNodesAreFoundByName changes the nodes of a name while clients send
// messages: first it adds one, then it removes one. Each answer of the name
// server has another order. Caddy resolves the name every 100 ms.
func testNodesAreFoundByName(t *testing.T, over func(resolver, port string) testbed.Caddy) {
	t.Helper()
	const clients = 30
	_, port, err := net.SplitHostPort(testbed.FreeAddress(t))
	require.NoError(t, err)
	var addrs []string
	for i := range 3 {
		addrs = append(addrs, fmt.Sprintf("127.0.0.%d:%s", 11+i, port))
	}
	nodes := testbed.StartNodesAt(t, addrs, []string{"a", "b", "c"}, "--ping-interval", "600000")
	names := testbed.StartNameServer(t, nodes[:2])
	f := over(names.Addr, port).Serve(t, testbed.Site{})[0]

	each := testbed.Clients{URL: f.URL, Count: clients, Messages: 2, MaxBytes: 2000, Pause: 100, Reconnect: true}
	sockets, polls := each, each
	sockets.Transports, sockets.Mode = []string{"websocket"}, testbed.Continuous
	polls.Transports, polls.Mode = []string{"polling"}, testbed.Commands
	active, pollers := sockets.Start(t), polls.Start(t)
	active.RequireReady(t)
	pollers.RequireReady(t)
	bound := testbed.OpenSessionOn(t, f, "a")

	names.SetNodes(nodes)
	testbed.RequireEventually(t, "a new session on the new node", func() bool {
		pollers.Do(t, "round")
		e := testbed.NewEngine(t, f)
		e.HandshakeBound(t)
		return e.Connect(t) == "c"
	})
	o := pollers.Do(t, "round")
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")

	names.SetNodes(nodes[1:])
	testbed.RequireEventually(t, "the end of a session on the removed node", func() bool {
		pollers.Do(t, "round")
		return bound.Do(t, http.MethodPost, `42["nobody listens"]`, nil).StatusCode == http.StatusBadRequest
	})
	pollers.Do(t, "round")

	assertOnlyPollingMoved(t, pollers, active)
}

// assertOnlyPollingMoved ends clients whose node a was removed: those that poll
// have lost their sessions on it, and those with WebSockets have kept theirs.
func assertOnlyPollingMoved(t *testing.T, pollers, active *testbed.RunningClients) {
	t.Helper()
	o := pollers.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnects(t)
	o = active.Finish(t)
	o.AssertHeld(t)
	assert.Positive(t, o.PerNode["a"], "sockets of the removed node, of %v", o.PerNode)
}
