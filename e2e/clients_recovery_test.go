package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// recoveringClients is how many clients lose their network. It is no multiple
// of three, so that round robin over three nodes does not return them to their
// own by chance.
const recoveringClients = 32

func TestCaddyRestoresTheStateOfClientsByCookie(t *testing.T) {
	t.Parallel()
	testStateRecovered(t, testbed.CaddySettingCookie("cookie").ExpectingErrors(testbed.BadGateway))
}

func TestTraefikRestoresTheStateOfClientsByCookie(t *testing.T) {
	t.Parallel()
	h := testbed.TraefikWith(object{"exposeCookie": true})
	h.HealthCheck = true
	testStateRecovered(t, h)
}

// testStateRecovered has all clients lose their network and reconnect. A node
// keeps what they miss meanwhile (connection state recovery), so each client
// needs its own node again, which a cookie gives it.
func testStateRecovered(t *testing.T, h testbed.Proxy) {
	t.Helper()
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		t.Run(transports[0], func(t *testing.T) {
			nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, "--recovery")
			f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			clients := startRecoveringClients(t, f, transports)

			clients.LoseNetwork(t, nodes)
			o := clients.Do(t, "reconnect")
			assert.Equal(t, recoveringClients, o.Returned, "clients that returned to their node, %v", o.Reopened)
			assert.Equal(t, recoveringClients, o.Recovered, "clients whose state was recovered")
			assert.Equal(t, recoveringClients, o.News, "events that they had missed")
			assert.Equal(t, recoveringClients, o.SetCookies, "cookies set, one for each client")

			// A client without its node goes on with another, and returns to that.
			clients.LoseNetwork(t, nodes)
			moved := o.PerNode["a"]
			nodes[0].Kill()
			testbed.RequireDeadNodeAvoided(t, f, len(nodes))
			again := clients.Do(t, "reconnect")
			assert.Equal(t, recoveringClients-moved, again.Recovered-o.Recovered, "clients of the other nodes, of %v", o.PerNode)
			assert.Equal(t, moved, again.SetCookies-o.SetCookies, "cookies set, one for each client of the dead node")

			clients.LoseNetwork(t, nodes[1:])
			last := clients.Do(t, "reconnect")
			assert.Equal(t, recoveringClients, last.Recovered-again.Recovered, "clients whose state was recovered")
			assert.Equal(t, again.SetCookies, last.SetCookies, "cookies set")

			o = clients.Finish(t)
			o.AssertCorrect(t)
			assert.Zero(t, o.IDMismatch)
		})
	}
}

// Without a cookie, most of the same clients lose what they missed.
func TestCaddyLosesTheStateOfClientsWithoutACookie(t *testing.T) {
	t.Parallel()
	testStateIsLost(t, testbed.CaddyShorthand)
}

func TestTraefikLosesTheStateOfClientsWithoutACookie(t *testing.T) {
	t.Parallel()
	testStateIsLost(t, testbed.TraefikPlugin)
}

func testStateIsLost(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--recovery")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	clients := startRecoveringClients(t, f, []string{"polling"})

	clients.LoseNetwork(t, nodes)
	clients.Do(t, "reconnect")
	o := clients.Finish(t)
	t.Logf("%s: %d of %d came back to their state", t.Name(), o.Recovered, o.Clients)
	o.AssertCorrect(t)
	assert.Less(t, o.Recovered, recoveringClients*2/3, "clients whose state was recovered")
	assert.Equal(t, o.Recovered, o.News, "events that clients had missed")
}

// startRecoveringClients starts clients that keep cookies beyond a session, and
// returns once each has sent a message.
func startRecoveringClients(t *testing.T, f testbed.Endpoint, transports []string) *testbed.RunningClients {
	t.Helper()
	r := testbed.Clients{
		URL: f.URL, Count: recoveringClients, Transports: transports, Messages: 2, MaxBytes: 2000,
		Mode: testbed.Commands, CookieJar: true,
	}.Start(t)
	r.RequireReady(t)
	r.Do(t, "round")
	return r
}
