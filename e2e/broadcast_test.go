package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyPassesBroadcastsOnceToEveryClient(t *testing.T) {
	testBroadcasts(t, caddySecret)
}

func TestTraefikPassesBroadcastsOnceToEveryClient(t *testing.T) {
	testBroadcasts(t, traefikPlugin)
}

// testBroadcasts is what Socket.IO's documentation says of several nodes, in
// one: sessions that hold, and an adapter that passes events between the nodes,
// here behind two proxies. Every client has its node tell the news to all
// clients of all nodes, over each transport at once.
func testBroadcasts(t *testing.T, h host) {
	t.Helper()
	a := startAudience(t, h, "--redis", startRedis(t))
	const times = 2
	for round := 1; round <= times; round++ {
		a.broadcast(t)
		told := round * a.clients * a.clients
		requireSoon(t, "the news has come", func() bool { return a.round(t).News >= told })
	}
	o := a.finish(t)
	assert.Equal(t, times*a.clients*a.clients, o.News, "news, each once to each client")
	assert.Zero(t, o.NewsAgain, "news that a client had already")
	assert.Equal(t, times*a.clients*a.clients-times*squares(o.PerNode), o.NewsOfOthers, "news of other nodes than the client's")
}

// Without an adapter, the news of a node are those of its own clients only.
func TestCaddyPassesBroadcastsWithinANodeWithoutAnAdapter(t *testing.T) {
	testBroadcastsWithinANode(t, caddySecret)
}

func TestTraefikPassesBroadcastsWithinANodeWithoutAnAdapter(t *testing.T) {
	testBroadcastsWithinANode(t, traefikPlugin)
}

func testBroadcastsWithinANode(t *testing.T, h host) {
	t.Helper()
	a := startAudience(t, h)
	a.broadcast(t)
	a.round(t) // what a node answers comes behind the news it has told
	o := a.finish(t)
	assert.Equal(t, squares(o.PerNode), o.News, "news, each once to each client of its node")
	assert.Zero(t, o.NewsOfOthers, "news of other nodes than the client's")
	assert.Zero(t, o.NewsAgain, "news that a client had already")
}

// audience is clients over every transport at once, behind several proxies.
type audience struct {
	nodes   []*node
	crowds  []*runningCrowd
	clients int
}

// startAudience starts nodes with these flags, proxies, and clients, and returns
// once all are up.
func startAudience(t *testing.T, h host, flags ...string) *audience {
	t.Helper()
	a := &audience{nodes: startNodes(t, []string{"a", "b", "c"}, flags...)}
	b := startBalancer(t, serveTimes(t, 2, h, plain.siteOf(a.nodes)))
	for _, transport := range transports {
		c := setting{messages: 2, clients: 20, maxBytes: 2000}.crowdOf(b.front, transport)
		c.Hold = "listen"
		a.crowds = append(a.crowds, c.start(t))
		a.clients += c.Clients
	}
	for _, r := range a.crowds {
		r.requireReady(t)
	}
	return a
}

// broadcast has every client tell the news, and waits until the nodes have.
func (a *audience) broadcast(t *testing.T) {
	t.Helper()
	for _, r := range a.crowds {
		r.do(t, "broadcast")
	}
}

// round has every client say something, and returns what has come until then.
func (a *audience) round(t *testing.T) outcome {
	t.Helper()
	var all outcome
	for _, r := range a.crowds {
		all.News += r.do(t, "round").News
	}
	return all
}

// finish ends the clients, all of whom must have kept their sessions, and
// returns what has come to them.
func (a *audience) finish(t *testing.T) outcome {
	t.Helper()
	all := outcome{PerNode: map[string]int{}}
	for _, r := range a.crowds {
		o := r.finish(t)
		o.assertHeld(t)
		all.Connected += o.Connected
		for name, clients := range o.PerNode {
			all.PerNode[name] += clients
		}
		all.News += o.News
		all.NewsOfOthers += o.NewsOfOthers
		all.NewsAgain += o.NewsAgain
	}
	all.assertSpread(t, a.nodes)
	t.Logf("%s: %d clients, nodes %v, news %d, of other nodes %d, again %d",
		t.Name(), a.clients, all.PerNode, all.News, all.NewsOfOthers, all.NewsAgain)
	return all
}

// squares is how much news comes when each client tells some and those of its
// node get it.
func squares(perNode map[string]int) int {
	sum := 0
	for _, clients := range perNode {
		sum += clients * clients
	}
	return sum
}
