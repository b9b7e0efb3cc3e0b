package e2e

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// changing is a Caddy with a header that changes with each generation of its
// config, which makes it a new one and tells who has answered.
func changing(c caddy, generation *int) caddy {
	return caddy{proxy: func(upstreams string) string {
		return fmt.Sprintf("header X-Generation %d\n%s", *generation, c.proxy(upstreams))
	}}
}

// Nobody loses a session while the config is replaced every second, whatever
// they are doing: the clients make a connection for each poll and each message.
func TestCaddyLosesNoSessionThroughReloads(t *testing.T) {
	for _, tc := range []struct {
		name             string
		host             caddy
		like             setting
		reloads          int
		polling, sockets int // clients
	}{
		{"of Socket.IO 4", caddyShorthand, plain, 30, 200, 100},
		{"of Socket.IO 4 over HTTPS", caddyShorthand, setting{secure: true}, 10, 50, 25},
		{"of Socket.IO 4 that are learned", caddyWith("sid learn"), plain, 10, 50, 25},
		{"of Socket.IO 2, which are learned", caddyShorthand, socketIO2, 10, 50, 25},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, tc.like.flags...)
			generation := 0
			c := changing(tc.host, &generation)
			s := tc.like.siteOf(nodes)
			fronts, block := c.sites(t, s)
			f := fronts[0]
			running := startCaddy(t, block, f)

			each := crowd{URL: f.url, Client: tc.like.client, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250}
			polls, sockets := each, each
			polls.Transports, polls.Clients = []string{"polling"}, tc.polling
			sockets.Transports, sockets.Clients = []string{"websocket"}, tc.sockets
			talking := []*runningCrowd{polls.start(t), sockets.start(t)}
			for _, r := range talking {
				r.requireReady(t)
			}
			running.loadEverySecond(t, tc.reloads, func(n int) string {
				generation = n
				return c.block(f, s)
			})
			requireTakenOver(t, f, tc.reloads)
			for _, r := range talking {
				o := r.finish(t)
				o.assertHeld(t)
			}
		})
	}
}

// For comparison: what Caddy loses by itself. With one node, it needs nobody to
// keep sessions together.
func TestCaddyAloneLosesSessionsThroughReloads(t *testing.T) {
	nodes := startNodes(t, []string{"a"})
	generation := 0
	c := changing(caddyPolicy("first"), &generation)
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := startCaddy(t, block, f)
	talking := crowd{
		URL: f.url, Clients: 200, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250,
	}.start(t)
	talking.requireReady(t)
	running.loadEverySecond(t, 10, func(n int) string {
		generation = n
		return c.block(f, s)
	})
	o := talking.finish(t)
	assert.Positive(t, o.Disconnects, "sessions lost")
}

// Polls that wait while the config is replaced are answered after it.
func TestCaddyAnswersPollsThatWaitThroughReloads(t *testing.T) {
	const clients, reloads = 20, 5
	// No pings, as an answered ping is followed by a new poll.
	nodes := startNodes(t, []string{"a", "b", "c"}, "--ping-interval", "600000")
	generation := 0
	c := changing(caddyShorthand, &generation)
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := startCaddy(t, block, f)
	listening := crowd{
		URL: f.url, Clients: clients, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Hold: "listen",
	}.start(t)
	listening.requireReady(t)

	for generation = 1; generation <= reloads; generation++ {
		listening.do(t, "round")
		requireWaiting(t, nodes, clients)
		running.load(t, c.block(f, s))
		requireTakenOver(t, f, generation)
	}
	listening.do(t, "round")
	o := listening.finish(t)
	o.assertHeld(t)
}

// loadEverySecond replaces the running config this many times.
func (c *runningCaddy) loadEverySecond(t *testing.T, times int, sites func(n int) string) {
	t.Helper()
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; n <= times; n++ {
		<-second.C
		c.load(t, sites(n))
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
// generation: with Caddy alone, about half of them reach that of the last one
// until its listener is closed. Twenty in a row mean that it is.
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
