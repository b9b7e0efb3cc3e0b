package e2e

import (
	"fmt"
	"strconv"
	"testing"
)

// Sessions stay up while the config under them is replaced again and again:
// WebSockets in the middle of their talk, and polls while they wait.
//
// A connection that is just being made at that instant is another matter. Caddy
// opens a second listener on the port and closes the first (SO_REUSEPORT), and
// the system resets what the first had not accepted yet: that happens without
// this module too. So nobody polls anew while a config is loaded.
func TestCaddyHoldsSessionsThroughReloads(t *testing.T) {
	cases := []struct {
		name  string
		host  caddy
		nodes setting
	}{
		{"of Socket.IO 4", caddyShorthand, plain},
		{"of Socket.IO 2, which are learned", caddyShorthand, socketIO2},
		{"of Socket.IO 4 that are learned", caddyWith("sid learn"), plain},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			testCaddyReloads(t, tc.host, tc.nodes)
		})
	}
}

func testCaddyReloads(t *testing.T, h caddy, like setting) {
	t.Helper()
	const clients, reloads = 20, 5
	// No pings, as an answered ping is followed by a new poll.
	nodes := startNodes(t, []string{"a", "b", "c"}, append([]string{"--ping-interval", "600000"}, like.flags...)...)
	// A header that changes with each load makes it a new config, and tells
	// that the new one has taken over.
	generation := 0
	c := caddy{proxy: func(upstreams string) string {
		return fmt.Sprintf("header X-Generation %d\n%s", generation, h.proxy(upstreams))
	}}
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := startCaddy(t, block, f)

	each := crowd{URL: f.url, Clients: clients, Client: like.client, Messages: 2, MaxBytes: 2000, Pause: 10}
	sockets, polls := each, each
	sockets.Transports, sockets.Hold = []string{"websocket"}, "talk"
	polls.Transports, polls.Hold = []string{"polling"}, "listen"
	talking, listening := sockets.start(t), polls.start(t)
	talking.requireReady(t)
	listening.requireReady(t)

	for generation = 1; generation <= reloads; generation++ {
		listening.do(t, "round")
		requireWaiting(t, nodes, clients)
		running.load(t, c.block(f, s))
		requireTakenOver(t, f, generation)
	}
	listening.do(t, "round")

	for _, r := range []*runningCrowd{talking, listening} {
		o := r.finish(t)
		o.assertHeld(t)
	}
}

// requireWaiting waits until this many polls wait at the nodes.
func requireWaiting(t *testing.T, nodes []*node, polls int) {
	t.Helper()
	requireSoon(t, "polls that wait at the nodes", func() bool {
		waiting := 0
		for _, n := range nodes {
			waiting += n.whoami(t).Waiting
		}
		return waiting == polls
	})
}

// requireTakenOver waits until all new connections reach the config of this
// generation. While the listener of the last one is still open, it gets about
// half of them: twenty in a row mean that it is closed.
func requireTakenOver(t *testing.T, f front, generation int) {
	t.Helper()
	requireSoon(t, fmt.Sprintf("config %d takes over", generation), func() bool {
		for range 20 {
			resp, err := f.get("/health")
			if err != nil || resp.Header.Get("X-Generation") != strconv.Itoa(generation) {
				return false
			}
		}
		return true
	})
}
