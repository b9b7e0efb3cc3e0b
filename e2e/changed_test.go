package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// changeable is a host whose upstreams can be replaced while it runs.
type changeable interface {
	// serveChanging serves nodes as a host does. What it returns serves others
	// in their place, and comes back once nobody is served by the old config.
	serveChanging(t *testing.T, nodes []*node) (front, func(nodes []*node))
}

func (c caddy) serveChanging(t *testing.T, nodes []*node) (front, func([]*node)) {
	t.Helper()
	loads := 0
	c = changing(c, &loads)
	fronts, block := c.sites(t, site{upstreams: addresses(nodes)})
	running := startCaddy(t, block, fronts...)
	return fronts[0], func(nodes []*node) {
		loads++
		running.load(t, c.block(fronts[0], site{upstreams: addresses(nodes)}))
		requireTakenOver(t, fronts[0], loads)
	}
}

func (h traefik) serveChanging(t *testing.T, nodes []*node) (front, func([]*node)) {
	t.Helper()
	h.chain = append([]string{generation}, h.chain...)
	running := h.serveRunning(t, site{upstreams: addresses(nodes)})
	return running.fronts[0], func(nodes []*node) {
		h.generation++
		running.sites[0].upstreams = addresses(nodes)
		running.load(t, h)
		requireTakenOver(t, running.fronts[0], h.generation)
	}
}

func TestCaddyChangesItsUpstreams(t *testing.T) {
	testUpstreamsChange(t, caddyShorthand)
}

func TestTraefikChangesItsServers(t *testing.T) {
	testUpstreamsChange(t, traefikPlugin)
}

// testUpstreamsChange adds a node to the config and removes another, while
// clients talk.
func testUpstreamsChange(t *testing.T, h changeable) {
	t.Helper()
	const clients = 30
	nodes := startNodes(t, []string{"a", "b", "c"})
	f, serve := h.serveChanging(t, nodes[:2])

	each := crowd{URL: f.url, Clients: clients, Messages: 2, MaxBytes: 2000, Pause: 100, Reconnect: true}
	sockets, polls := each, each
	sockets.Transports, sockets.Hold, sockets.cookies = []string{"websocket"}, "talk", f.cookies(clients, []string{"websocket"})
	polls.Transports, polls.Hold = []string{"polling"}, "listen"
	talking, listening := sockets.start(t), polls.start(t)
	talking.requireReady(t)
	listening.requireReady(t)
	change := func(to []*node) outcome {
		listening.tell(t, "round")
		serve(to)
		listening.requireDone(t, "round")
		return listening.do(t, "round")
	}

	o := change(nodes)
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")
	assert.Positive(t, newSessions(t, f)["c"], "new sessions on the new node")

	change(nodes[1:])
	assert.NotContains(t, newSessions(t, f), "a", "new sessions on the removed node")

	finishWithoutA(t, listening, talking)
}

// newSessions has some clients connect and say something, and returns where.
func newSessions(t *testing.T, f front) map[string]int {
	t.Helper()
	o := crowd{URL: f.url, Clients: 12, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000}.run(t)
	o.assertHeld(t)
	return o.PerNode
}
