package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTraefikHoldsSessionsWith(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			testSessionsHold(t, traefikPlugin, s, transports...)
		})
	}
}

// What a user may set up in Traefik itself, each over the transports to which
// it makes a difference.
func TestTraefikHoldsSessionsBehind(t *testing.T) {
	polling, upgrading, socket := transports[0], transports[1], transports[2]
	chain := func(names ...string) traefik { return traefik{chain: names} }
	cases := []struct {
		name       string
		host       traefik
		transports [][]string
	}{
		{"the strategy p2c", traefik{chain: traefikPlugin.chain, strategy: "p2c"}, [][]string{polling, upgrading, socket}},
		{"the strategy leasttime", traefik{chain: traefikPlugin.chain, strategy: "leasttime"}, [][]string{upgrading}},
		{"a weighted service of sticky services", traefik{chain: traefikPlugin.chain, nested: true}, [][]string{polling, upgrading}},
		{"compress after the plugin", chain(plugin, compress), [][]string{polling, upgrading}},
		{"retry before the plugin", chain(retry, plugin), [][]string{upgrading}},
		{"retry after the plugin", chain(plugin, retry), [][]string{upgrading}},
		{"compress and retry on both sides", chain(compress, retry, plugin, retry, compress), [][]string{polling, upgrading}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			testSessionsHold(t, tc.host, plain, tc.transports...)
		})
	}
}

func TestTraefikHoldsSessionsWithAnAccessLog(t *testing.T) {
	h := traefikPlugin
	h.accessLog = filepath.Join(t.TempDir(), "access.log")
	testSessionsHold(t, h, plain, []string{"polling", "websocket"})

	logged, err := os.ReadFile(h.accessLog)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, strings.Count(string(logged), "transport=polling"), 60, "polls in the access log")
}

// Both sites have the plugin from one middleware.
func TestTraefikHoldsSessionsOfTwoSites(t *testing.T) {
	testTwoSites(t, traefikPlugin)
}

// The same clients lose their sessions without the plugin: the sticky cookie
// that it works with is none that they keep.
func TestTraefiksCookieAloneDoesNotHoldSessions(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := traefikCookie.serve(t, plain.siteOf(nodes))[0]

	o := plain.crowdOf(f, []string{"polling"}).run(t)
	o.assertAllFailed(t)
	assert.Positive(t, o.SetCookies, "cookies set and not kept")
}

// A hundred sockets talk while others open and upgrade sessions beside them.
func TestTraefikHoldsAHundredSockets(t *testing.T) {
	const sockets = 100
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := traefikPlugin.serve(t, plain.siteOf(nodes))[0]

	talking := crowd{
		URL: f.url, Clients: sockets, Transports: []string{"polling", "websocket"},
		Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 50,
	}.start(t)
	talking.requireReady(t)
	for _, transport := range transports {
		beside := setting{messages: 2}.crowdOf(f, transport)
		beside.MaxBytes = 2000
		o := beside.run(t)
		o.assertHeld(t)
		o.assertSpread(t, nodes)
	}
	o := talking.finish(t)
	o.assertHeld(t)
	o.assertSpread(t, nodes)
	assert.Equal(t, sockets, o.FinalTransports["websocket"], "sockets at the end, of %v", o.FinalTransports)
}
