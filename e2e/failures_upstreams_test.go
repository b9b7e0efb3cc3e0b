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

func TestCaddyChangesItsUpstreams(t *testing.T) {
	testUpstreamsChange(t, testbed.CaddyShorthand)
}

func TestTraefikChangesItsServers(t *testing.T) {
	testUpstreamsChange(t, testbed.TraefikPlugin)
}

// testUpstreamsChange adds a node to the config and removes another, while
// clients talk.
func testUpstreamsChange(t *testing.T, h testbed.Reconfigurable) {
	t.Helper()
	const clients = 30
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f, serve := h.ServeReconfigurable(t, nodes[:2])

	each := testbed.Clients{URL: f.URL, Count: clients, Messages: 2, MaxBytes: 2000, Pause: 100, Reconnect: true}
	sockets, polls := each, each
	sockets.Transports, sockets.Mode, sockets.WantSetCookies = []string{"websocket"}, testbed.Continuous, f.CookiesFor(clients, []string{"websocket"})
	polls.Transports, polls.Mode = []string{"polling"}, testbed.Commands
	talking, listening := sockets.Start(t), polls.Start(t)
	talking.RequireReady(t)
	listening.RequireReady(t)
	change := func(to []*testbed.Node) testbed.Result {
		listening.Send(t, "round")
		serve(to)
		listening.RequireDone(t, "round")
		return listening.Do(t, "round")
	}

	o := change(nodes)
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")
	assert.Positive(t, newSessions(t, f)["c"], "new sessions on the new node")

	change(nodes[1:])
	assert.NotContains(t, newSessions(t, f), "a", "new sessions on the removed node")

	assertOnlyPollingMoved(t, listening, talking)
}

// newSessions has some clients connect and say something, and returns where.
func newSessions(t *testing.T, f testbed.Endpoint) map[string]int {
	t.Helper()
	o := testbed.Clients{URL: f.URL, Count: 12, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000}.Run(t)
	o.AssertHeld(t)
	return o.PerNode
}

func TestCaddyFollowsTheAddressesOfAName(t *testing.T) {
	testNodesAreFoundByName(t, func(resolver, port string) testbed.Caddy {
		return caddyWithDynamicUpstreams("dynamic a {\nname " + testbed.NodesName + "\nport " + port + "\nrefresh 100ms\nresolvers " + resolver + "\nversions ipv4\n}")
	})
}

func TestCaddyFollowsTheServicesOfAName(t *testing.T) {
	testNodesAreFoundByName(t, func(resolver, _ string) testbed.Caddy {
		return caddyWithDynamicUpstreams(
			"dynamic srv "+testbed.NodesService+" {\nrefresh 100ms\nresolvers "+resolver+"\n}",
			"transport http {\nkeepalive 2s\nresolvers "+resolver+"\n}")
	})
}

// caddyWithDynamicUpstreams is the socketio directive with upstreams that these lines of its
// block find.
func caddyWithDynamicUpstreams(lines ...string) testbed.Caddy {
	return testbed.Caddy{Directive: func(string) string {
		return "socketio {\n" + strings.Join(lines, "\n") + "\n}"
	}}
}

// testNodesAreFoundByName has a name stand for other nodes while clients talk:
// first for one more, then for one less, and in another order all the while.
// The host asks again every 100 ms.
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
	talking, listening := sockets.Start(t), polls.Start(t)
	talking.RequireReady(t)
	listening.RequireReady(t)
	bound := testbed.OpenSessionOn(t, f, "a")

	names.SetNodes(nodes)
	testbed.RequireEventually(t, "a new session on the new node", func() bool {
		listening.Do(t, "round")
		e := testbed.NewEngine(t, f)
		e.HandshakeBound(t)
		return e.Connect(t) == "c"
	})
	o := listening.Do(t, "round")
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")

	names.SetNodes(nodes[1:])
	testbed.RequireEventually(t, "the end of a session on the removed node", func() bool {
		listening.Do(t, "round")
		return bound.Do(t, http.MethodPost, `42["nobody listens"]`, nil).StatusCode == http.StatusBadRequest
	})
	listening.Do(t, "round")

	assertOnlyPollingMoved(t, listening, talking)
}

// assertOnlyPollingMoved ends two crowds from under which node a was taken away: those
// who poll, and listen, had to leave it, and those on its sockets stayed.
func assertOnlyPollingMoved(t *testing.T, listening, talking *testbed.RunningClients) {
	t.Helper()
	o := listening.Finish(t)
	o.AssertOnlyLostOn(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.LogReconnects(t)
	o = talking.Finish(t)
	o.AssertHeld(t)
	assert.Positive(t, o.PerNode["a"], "sockets of the removed node, of %v", o.PerNode)
}
