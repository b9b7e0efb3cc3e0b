package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// reloadsVariable names the environment variable with the number of reloads, which
// make reloads sets. By default there are few, and half of the clients.
const reloadsVariable = "RELOADS"

// reloadCase is a case in which the configuration of a proxy is replaced every
// second.
type reloadCase struct {
	name    string
	sid     string // the option. Default: auto
	variant testbed.Variant
	part    int // the number of reloads is divided by this
	clients int
}

var reloadCases = []reloadCase{
	{name: "of Socket.IO 4", variant: testbed.Plain, part: 1, clients: 300},
	{name: "of Socket.IO 4 over HTTPS", variant: testbed.Variant{HTTPS: true}, part: 6, clients: 75},
	{name: "of Socket.IO 4 that are learned", sid: "learn", variant: testbed.Plain, part: 6, clients: 75},
	{name: "of Socket.IO 2, which are learned", variant: testbed.SocketIO2, part: 6, clients: 75},
}

// partOfReloads returns how many reloads a case has.
func partOfReloads(t *testing.T, part int) int {
	t.Helper()
	return max(2, testbed.FromEnvironment(t, reloadsVariable, 4)/part)
}

// partOfClients returns how many of these clients there are.
func partOfClients(clients int) int {
	if os.Getenv(reloadsVariable) == "" {
		return clients / 2
	}
	return clients
}

// run has the clients send messages while the configuration is replaced, and checks
// that none of them loses its session. The function loads the configuration of a
// generation.
func (r reloadCase) run(t *testing.T, f testbed.Endpoint, load func(generation int)) {
	t.Helper()
	running := startClientsForReloads(t, f, r.variant, r.clients)
	reloads := partOfReloads(t, r.part)
	testbed.EverySecond(reloads, func(n int) {
		load(n)
		testbed.RequireGenerationServed(t, f, n)
	})
	testbed.RequireGenerationReplaced(t, f, reloads)
	running.FinishHeld(t)
}

// startClientsForReloads starts clients that send messages while a config is
// replaced: two of three poll, which open a connection for each request, and one has
// a WebSocket.
func startClientsForReloads(t *testing.T, f testbed.Endpoint, v testbed.Variant, clients int) testbed.ClientGroups {
	t.Helper()
	sockets := partOfClients(clients) / 3
	return testbed.StartClients(t, testbed.Clients{
		URL: f.URL, Version: v.Version, Count: 3 * sockets, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 500,
		TransportsInTurn: [][]string{{"polling"}, {"websocket"}, {"polling"}},
		WantSetCookies:   f.CookiesFor(sockets, []string{"websocket"}),
	})
}

func TestCaddyHoldsSessionsThroughReloads(t *testing.T) {
	t.Parallel()
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

// Traefik creates the plugin again for each configuration.
func TestTraefikHoldsSessionsThroughReloads(t *testing.T) {
	t.Parallel()
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

// This is a control: the same config without the handler affinity, and so without
// the handover, loses sessions. There is one node, so that nothing has to keep
// sessions on theirs.
func TestCaddyWithoutThisModuleLosesSessionsThroughReloads(t *testing.T) {
	t.Parallel()
	t.Run("with the handler", func(t *testing.T) {
		o := reloadsWithOneNode(t, "affinity\n")
		o.AssertHeld(t)
	})
	t.Run("without the handler", func(t *testing.T) {
		o := reloadsWithOneNode(t, "")
		assert.Positive(t, o.Disconnects, "sessions lost")
	})
}

// reloadsWithOneNode replaces the config of a Caddy under clients that poll. The
// handler is a line of the config, or empty.
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
	clients := testbed.StartClients(t, testbed.Clients{
		URL: f.URL, Count: partOfClients(200), Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 500,
	})
	testbed.EverySecond(max(3, partOfReloads(t, 3)), func(n int) {
		generation = n
		running.Load(t, c.SiteBlock(f, s))
		testbed.RequireGenerationServed(t, f, n)
	})
	return clients.Finish(t)
}

// Polls that wait at a node while the config is replaced are answered afterwards.
func TestCaddyAnswersWaitingPollsThroughReloads(t *testing.T) {
	t.Parallel()
	const clients, reloads = 20, 5
	// Without pings, as clients send a new poll after each.
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--ping-interval", "600000")
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyShorthand, &generation)
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)
	waiting := testbed.Clients{
		URL: f.URL, Count: clients, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Mode: testbed.Commands,
	}.Start(t)
	waiting.RequireReady(t)

	for generation = 1; generation <= reloads; generation++ {
		waiting.Do(t, "round")
		testbed.RequireWaitingPolls(t, nodes, clients)
		running.Load(t, c.SiteBlock(f, s))
		testbed.RequireGenerationReplaced(t, f, generation)
	}
	waiting.Do(t, "round")
	o := waiting.Finish(t)
	o.AssertHeld(t)
}
