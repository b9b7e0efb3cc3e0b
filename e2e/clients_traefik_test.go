package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// These are options of Traefik itself, each with the transports to which it
// makes a difference.
func TestTraefikHoldsSessionsBehind(t *testing.T) {
	t.Parallel()
	polling, upgrading, socket := testbed.Transports[0], testbed.Transports[1], testbed.Transports[2]
	const plugin, retry, compress = testbed.PluginMiddleware, testbed.RetryMiddleware, testbed.CompressMiddleware
	chain := func(names ...string) testbed.Traefik { return testbed.Traefik{Chain: names} }
	cases := []struct {
		name       string
		proxy      testbed.Traefik
		transports [][]string
	}{
		{"the strategy p2c", testbed.Traefik{Chain: []string{plugin}, Strategy: "p2c"}, [][]string{polling, upgrading, socket}},
		{"the strategy leasttime", testbed.Traefik{Chain: []string{plugin}, Strategy: "leasttime"}, [][]string{upgrading}},
		{"a weighted service of sticky services", testbed.Traefik{Chain: []string{plugin}, Nested: true}, [][]string{polling, upgrading}},
		{"compress after the plugin", chain(plugin, compress), [][]string{polling, upgrading}},
		{"retry before the plugin", chain(retry, plugin), [][]string{upgrading}},
		{"retry after the plugin", chain(plugin, retry), [][]string{upgrading}},
		{"compress and retry on both sides", chain(compress, retry, plugin, retry, compress), [][]string{polling, upgrading}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			testSessionsHold(t, tc.proxy, testbed.Plain.Small(), tc.transports...)
		})
	}
}

func TestTraefikHoldsSessionsWithAnAccessLog(t *testing.T) {
	t.Parallel()
	h := testbed.TraefikPlugin
	h.AccessLog = filepath.Join(t.TempDir(), "access.log")
	v := testbed.Plain.Small()
	testSessionsHold(t, h, v, []string{"polling", "websocket"})

	logged, err := os.ReadFile(h.AccessLog)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, strings.Count(string(logged), "transport=polling"), 2*v.Clients, "polls in the access log")
}

// A hundred clients with WebSockets send messages while others open and upgrade
// sessions.
func TestTraefikHoldsAHundredSockets(t *testing.T) {
	t.Parallel()
	const sockets = 100
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.TraefikPlugin.Serve(t, testbed.Plain.SiteOf(nodes))[0]

	active := testbed.Clients{
		URL: f.URL, Count: sockets, Transports: []string{"polling", "websocket"},
		Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 250,
	}.Start(t)
	active.RequireReady(t)
	for _, transport := range testbed.Transports {
		beside := testbed.Variant{Clients: 30, Messages: 2}.ClientsOf(f, transport)
		beside.MaxBytes = 2000
		o := beside.Run(t)
		o.AssertHeld(t)
		o.AssertBalanced(t, nodes)
	}
	o := active.Finish(t)
	o.AssertHeld(t)
	o.AssertBalanced(t, nodes)
	assert.Equal(t, sockets, o.FinalTransports["websocket"], "sockets at the end, of %v", o.FinalTransports)
}
