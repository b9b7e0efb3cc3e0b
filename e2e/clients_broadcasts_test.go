package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyDeliversBroadcastsOnceToEveryClient(t *testing.T) {
	t.Parallel()
	testBroadcasts(t, caddyWithSharedSecret)
}

func TestTraefikDeliversBroadcastsOnceToEveryClient(t *testing.T) {
	t.Parallel()
	testBroadcasts(t, testbed.TraefikPlugin)
}

// testBroadcasts has every client, over each transport, have its node send news
// to all clients of all nodes. The nodes pass events on through an adapter, as
// Socket.IO's documentation describes, behind two proxies.
func testBroadcasts(t *testing.T, h testbed.Proxy) {
	t.Helper()
	a := startAudience(t, h, "--redis", testbed.StartRedis(t))
	const times = 2
	for round := 1; round <= times; round++ {
		a.broadcast(t)
		input := round * a.clients * a.clients
		testbed.RequireEventually(t, "the news has arrived", func() bool { return a.round(t).News >= input })
	}
	o := a.finish(t)
	assert.Equal(t, times*a.clients*a.clients, o.News, "news, each once to each client")
	assert.Zero(t, o.DuplicateNews, "news that a client had already")
	assert.Equal(t, times*a.clients*a.clients-times*squares(o.PerNode), o.NewsOfOtherNodes, "news of other nodes than the client's")
}

// Without an adapter, the news of a node reaches the clients of that node only.
func TestCaddyDeliversBroadcastsWithinANodeWithoutAnAdapter(t *testing.T) {
	t.Parallel()
	testBroadcastsWithinANode(t, caddyWithSharedSecret)
}

func TestTraefikDeliversBroadcastsWithinANodeWithoutAnAdapter(t *testing.T) {
	t.Parallel()
	testBroadcastsWithinANode(t, testbed.TraefikPlugin)
}

func testBroadcastsWithinANode(t *testing.T, h testbed.Proxy) {
	t.Helper()
	a := startAudience(t, h)
	a.broadcast(t)
	a.round(t) // the answers come after the news
	o := a.finish(t)
	assert.Equal(t, squares(o.PerNode), o.News, "news, each once to each client of its node")
	assert.Zero(t, o.NewsOfOtherNodes, "news of other nodes than the client's")
	assert.Zero(t, o.DuplicateNews, "news that a client had already")
}

// broadcastClients are clients over every transport at once, behind several
// proxies.
type broadcastClients struct {
	nodes   []*testbed.Node
	running *testbed.RunningClients
	clients int
}

// startAudience starts nodes with these flags, proxies and clients, and returns
// once all clients are connected.
func startAudience(t *testing.T, h testbed.Proxy, flags ...string) *broadcastClients {
	t.Helper()
	a := &broadcastClients{nodes: testbed.StartNodes(t, []string{"a", "b", "c"}, flags...)}
	b := testbed.StartTCPBalancer(t, testbed.ServeTimes(t, 2, h, testbed.Plain.SiteOf(a.nodes)))
	c := testbed.Variant{Messages: 2, Clients: 20, MaxBytes: 2000}.ClientsInTurn(b.Endpoint, testbed.Transports...)
	c.Mode = testbed.Commands
	a.running, a.clients = c.Start(t), c.Count
	a.running.RequireReady(t)
	return a
}

// broadcast has every client send news, and waits until the nodes have sent it.
func (a *broadcastClients) broadcast(t *testing.T) {
	t.Helper()
	a.running.Do(t, "broadcast")
}

// round has every client send a message, and returns what they have received
// until then.
func (a *broadcastClients) round(t *testing.T) testbed.Result {
	t.Helper()
	return a.running.Do(t, "round")
}

// finish ends the clients, none of which may have lost its session, and returns
// what they have received.
func (a *broadcastClients) finish(t *testing.T) testbed.Result {
	t.Helper()
	o := a.running.Finish(t)
	o.AssertHeld(t)
	o.AssertBalanced(t, a.nodes)
	t.Logf("%s: %d clients, nodes %v, news %d, of other nodes %d, again %d",
		t.Name(), a.clients, o.PerNode, o.News, o.NewsOfOtherNodes, o.DuplicateNews)
	return o
}

// squares returns how many news arrive when each client sends one and the
// clients of its node get it.
func squares(perNode map[string]int) int {
	sum := 0
	for _, clients := range perNode {
		sum += clients * clients
	}
	return sum
}
