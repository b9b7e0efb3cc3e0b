package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// changing is a Caddy with a header that changes with each generation of its
// config, which makes it a new one and tells who has answered.
func changing(c caddy, generation *int) caddy {
	proxy := c.proxy
	c.proxy = func(upstreams string) string {
		return fmt.Sprintf("header X-Generation %d\n%s", *generation, proxy(upstreams))
	}
	return c
}

// reloading is what goes on while a host's configuration is replaced every
// second: clients that poll, which make a connection for each poll and each
// message, and clients with sockets.
type reloading struct {
	name             string
	sid              string // the option. Default: auto
	like             setting
	reloads          int
	polling, sockets int // clients
}

var reloadings = []reloading{
	{name: "of Socket.IO 4", like: plain, reloads: 30, polling: 200, sockets: 100},
	{name: "of Socket.IO 4 over HTTPS", like: setting{secure: true}, reloads: 5, polling: 50, sockets: 25},
	{name: "of Socket.IO 4 that are learned", sid: "learn", like: plain, reloads: 5, polling: 50, sockets: 25},
	{name: "of Socket.IO 2, which are learned", like: socketIO2, reloads: 5, polling: 50, sockets: 25},
}

// test has the clients talk all the while, and checks that nobody loses a
// session. It gives the number of each reload to the host.
func (r reloading) test(t *testing.T, f front, reload func(n int)) {
	t.Helper()
	each := crowd{URL: f.url, Client: r.like.client, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250}
	polls, sockets := each, each
	polls.Transports, polls.Clients = []string{"polling"}, r.polling
	sockets.Transports, sockets.Clients = []string{"websocket"}, r.sockets
	sockets.cookies = f.cookies(sockets.Clients, sockets.Transports)
	talking := runningCrowds{polls.start(t), sockets.start(t)}
	for _, c := range talking {
		c.requireReady(t)
	}

	everySecond(r.reloads, func(n int) {
		reload(n)
		requireServed(t, f, n)
	})
	requireTakenOver(t, f, r.reloads)
	talking.finishHeld(t)
}

// everySecond does something so many times, and waits a second in between, or as
// long as it takes.
func everySecond(times int, do func(n int)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; n <= times; n++ {
		<-second.C
		do(n)
	}
}

func TestCaddyHoldsSessionsThroughReloads(t *testing.T) {
	for _, r := range reloadings {
		t.Run(r.name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, r.like.flags...)
			generation, host := 0, caddyShorthand
			if r.sid != "" {
				host = caddyWith("sid " + r.sid)
			}
			c := changing(host, &generation)
			s := r.like.siteOf(nodes)
			fronts, block := c.sites(t, s)
			running := startCaddy(t, block, fronts[0])
			r.test(t, fronts[0], func(n int) {
				generation = n
				running.load(t, c.block(fronts[0], s))
			})
		})
	}
}

// For comparison: what Caddy loses by itself, with a config that lacks the
// affinity handler and nothing else. With one node, it needs nobody to keep
// sessions together.
func TestCaddyAloneLosesSessionsThroughReloads(t *testing.T) {
	t.Run("with the handler", func(t *testing.T) {
		o := reloadsWithOneNode(t, "affinity\n")
		o.assertHeld(t)
	})
	t.Run("without the handler", func(t *testing.T) {
		o := reloadsWithOneNode(t, "")
		assert.Positive(t, o.Disconnects, "sessions lost")
	})
}

// reloadsWithOneNode replaces the config of a Caddy ten times under polling
// clients. The handler is a line of the config, or nothing.
func reloadsWithOneNode(t *testing.T, handler string) outcome {
	t.Helper()
	nodes := startNodes(t, []string{"a"})
	generation := 0
	c := changing(caddy{proxy: func(upstreams string) string {
		return handler + "reverse_proxy " + upstreams + " {\n" + strings.Join([]string{
			"lb_policy first",
			"lb_retries 3",
			"stream_close_delay 24h",
			"transport http {\nkeepalive 2s\n}",
		}, "\n") + "\n}"
	}}, &generation)
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := startCaddy(t, block, f)
	talking := crowd{
		URL: f.url, Clients: 200, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250,
	}.start(t)
	talking.requireReady(t)
	everySecond(10, func(n int) {
		generation = n
		running.load(t, c.block(f, s))
		requireServed(t, f, n)
	})
	return talking.finish(t)
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

// requireServed waits until the config of this generation answers a request.
func requireServed(t *testing.T, f front, generation int) {
	t.Helper()
	requireSoon(t, fmt.Sprintf("config %d answers", generation), func() bool {
		resp, err := f.get("/health")
		return err == nil && resp.Header.Get("X-Generation") == strconv.Itoa(generation)
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
