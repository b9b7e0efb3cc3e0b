package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// reloadCase is what goes on while a host's configuration is replaced every
// second: clients that poll, which make a connection for each poll and each
// message, and clients with sockets.
type reloadCase struct {
	name             string
	sid              string // the option. Default: auto
	variant          testbed.Variant
	reloads          int
	polling, sockets int // clients
}

var reloadCases = []reloadCase{
	{name: "of Socket.IO 4", variant: testbed.Plain, reloads: 30, polling: 200, sockets: 100},
	{name: "of Socket.IO 4 over HTTPS", variant: testbed.Variant{HTTPS: true}, reloads: 5, polling: 50, sockets: 25},
	{name: "of Socket.IO 4 that are learned", sid: "learn", variant: testbed.Plain, reloads: 5, polling: 50, sockets: 25},
	{name: "of Socket.IO 2, which are learned", variant: testbed.SocketIO2, reloads: 5, polling: 50, sockets: 25},
}

// run has the clients talk all the while, and checks that nobody loses a
// session. It gives the number of each reload to the host.
func (r reloadCase) run(t *testing.T, f testbed.Endpoint, reload func(n int)) {
	t.Helper()
	each := testbed.Clients{URL: f.URL, Version: r.variant.Version, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 250}
	polls, sockets := each, each
	polls.Transports, polls.Count = []string{"polling"}, r.polling
	sockets.Transports, sockets.Count = []string{"websocket"}, r.sockets
	sockets.WantSetCookies = f.CookiesFor(sockets.Count, sockets.Transports)
	talking := testbed.ClientGroups{polls.Start(t), sockets.Start(t)}
	for _, c := range talking {
		c.RequireReady(t)
	}

	testbed.EverySecond(r.reloads, func(n int) {
		reload(n)
		testbed.RequireGenerationServed(t, f, n)
	})
	testbed.RequireGenerationReplaced(t, f, r.reloads)
	talking.FinishHeld(t)
}

func TestCaddyHoldsSessionsThroughReloads(t *testing.T) {
	for _, r := range reloadCases {
		t.Run(r.name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, r.variant.Flags...)
			generation, proxy := 0, testbed.CaddyShorthand
			if r.sid != "" {
				proxy = testbed.CaddyWith("sid " + r.sid)
			}
			c := testbed.WithGeneration(proxy, &generation)
			s := r.variant.SiteOf(nodes)
			endpoints, block := c.Sites(t, s)
			running := testbed.StartCaddy(t, block, endpoints[0])
			r.run(t, endpoints[0], func(n int) {
				generation = n
				running.Load(t, c.SiteBlock(endpoints[0], s))
			})
		})
	}
}

// The plugin is made anew with each configuration.
func TestTraefikHoldsSessionsThroughReloads(t *testing.T) {
	for _, r := range reloadCases {
		t.Run(r.name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, r.variant.Flags...)
			h := testbed.Traefik{Chain: []string{testbed.GenerationMiddleware, testbed.PluginMiddleware}}
			if r.sid != "" {
				h.Options = testbed.TraefikWith(object{"sid": r.sid}).Options
			}
			running := h.StartServing(t, r.variant.SiteOf(nodes))
			r.run(t, running.Endpoints[0], func(n int) {
				h.Generation = n
				running.Load(t, h)
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
		o.AssertHeld(t)
	})
	t.Run("without the handler", func(t *testing.T) {
		o := reloadsWithOneNode(t, "")
		assert.Positive(t, o.Disconnects, "sessions lost")
	})
}

// reloadsWithOneNode replaces the config of a Caddy ten times under polling
// clients. The handler is a line of the config, or nothing.
func reloadsWithOneNode(t *testing.T, handler string) testbed.Result {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a"})
	generation := 0
	c := testbed.WithGeneration(testbed.Caddy{Directive: func(upstreams string) string {
		return handler + "reverse_proxy " + upstreams + " {\n" + strings.Join([]string{
			"lb_policy first",
			"lb_retries 3",
			"stream_close_delay 24h",
			"transport http {\nkeepalive 2s\n}",
		}, "\n") + "\n}"
	}}, &generation)
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)
	talking := testbed.Clients{
		URL: f.URL, Count: 200, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 250,
	}.Start(t)
	talking.RequireReady(t)
	testbed.EverySecond(10, func(n int) {
		generation = n
		running.Load(t, c.SiteBlock(f, s))
		testbed.RequireGenerationServed(t, f, n)
	})
	return talking.Finish(t)
}

// Polls that wait while the config is replaced are answered after it.
func TestCaddyAnswersPollsThatWaitThroughReloads(t *testing.T) {
	const clients, reloads = 20, 5
	// No pings, as an answered ping is followed by a new poll.
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--ping-interval", "600000")
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyShorthand, &generation)
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)
	listening := testbed.Clients{
		URL: f.URL, Count: clients, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Mode: testbed.Commands,
	}.Start(t)
	listening.RequireReady(t)

	for generation = 1; generation <= reloads; generation++ {
		listening.Do(t, "round")
		testbed.RequireWaitingPolls(t, nodes, clients)
		running.Load(t, c.SiteBlock(f, s))
		testbed.RequireGenerationReplaced(t, f, generation)
	}
	listening.Do(t, "round")
	o := listening.Finish(t)
	o.AssertHeld(t)
}
