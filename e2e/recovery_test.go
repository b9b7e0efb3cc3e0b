package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recovering is how many clients lose their network. Three nodes do not divide
// it: taking turns does not bring them back to where they were.
const recovering = 32

func TestCaddyBringsClientsBackToTheirState(t *testing.T) {
	testStateIsRecovered(t, caddyGiving("cookie").expecting(badGateway))
}

func TestTraefikBringsClientsBackToTheirState(t *testing.T) {
	h := traefikWith(object{"exposeCookie": true})
	h.healthCheck = true
	testStateIsRecovered(t, h)
}

// testStateIsRecovered has all clients lose their network, and connect anew. A
// node keeps what they miss meanwhile (connection state recovery), but it is
// the only one that does: a cookie brings them back to it.
func testStateIsRecovered(t *testing.T, h host) {
	t.Helper()
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		t.Run(transports[0], func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, "--recovery")
			f := h.serve(t, site{upstreams: addresses(nodes)})[0]
			clients := startRecovering(t, f, transports)

			clients.loseNetwork(t, nodes)
			o := clients.do(t, "reconnect")
			assert.Equal(t, recovering, o.Returned, "clients that came back to their node, %v", o.Reopened)
			assert.Equal(t, recovering, o.Recovered, "clients that came back to their state")
			assert.Equal(t, recovering, o.News, "events that they had missed")
			assert.Equal(t, recovering, o.SetCookies, "cookies set, one for each client")

			// Without its node, a client goes on with another, and comes back to
			// that one.
			clients.loseNetwork(t, nodes)
			moved := o.PerNode["a"]
			nodes[0].stop()
			requireAvoided(t, f, len(nodes))
			again := clients.do(t, "reconnect")
			assert.Equal(t, recovering-moved, again.Recovered-o.Recovered, "clients of the other nodes, of %v", o.PerNode)
			assert.Equal(t, moved, again.SetCookies-o.SetCookies, "cookies set, one for each client of the dead node")

			clients.loseNetwork(t, nodes[1:])
			last := clients.do(t, "reconnect")
			assert.Equal(t, recovering, last.Recovered-again.Recovered, "clients that came back to their state")
			assert.Equal(t, again.SetCookies, last.SetCookies, "cookies set")

			o = clients.finish(t)
			o.assertRight(t)
			assert.Zero(t, o.IDMismatch)
		})
	}
}

// The same clients lose what they missed when nothing brings them back.
func TestCaddyDoesNotBringClientsBackWithoutACookie(t *testing.T) {
	testStateIsLost(t, caddyShorthand)
}

func TestTraefikDoesNotBringClientsBackWithoutACookie(t *testing.T) {
	testStateIsLost(t, traefikPlugin)
}

func testStateIsLost(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--recovery")
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	clients := startRecovering(t, f, []string{"polling"})

	clients.loseNetwork(t, nodes)
	clients.do(t, "reconnect")
	o := clients.finish(t)
	t.Logf("%s: %d of %d came back to their state", t.Name(), o.Recovered, o.Clients)
	o.assertRight(t)
	assert.Less(t, o.Recovered, recovering*2/3, "clients that came back to their state")
	assert.Equal(t, o.Recovered, o.News, "events that clients had missed")
}

// startRecovering starts clients that keep cookies for longer than a session,
// and returns once all are up and have said something.
func startRecovering(t *testing.T, f front, transports []string) *runningCrowd {
	t.Helper()
	r := crowd{
		URL: f.url, Clients: recovering, Transports: transports, Messages: 2, MaxBytes: 2000,
		Hold: "listen", CookieJar: true,
	}.start(t)
	r.requireReady(t)
	r.do(t, "round")
	return r
}

// loseNetwork has all clients lose their connections, and the nodes say
// something when they are gone.
func (r *runningCrowd) loseNetwork(t *testing.T, nodes []*node) {
	t.Helper()
	r.do(t, "cut")
	for _, n := range nodes {
		requireSoon(t, "node "+n.name+" has no clients", func() bool { return n.whoami(t).Clients == 0 })
		resp, err := guardedClient.Post("http://"+n.addr+"/news", "text/plain", http.NoBody)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
}

// requireAvoided waits until the front sends nobody to a node that is dead, of
// so many.
func requireAvoided(t *testing.T, f front, nodes int) {
	t.Helper()
	requireSoon(t, "nobody is sent to the dead node", func() bool {
		for range 2 * nodes {
			resp, err := f.get("/health")
			if err != nil || resp.StatusCode != http.StatusOK {
				return false
			}
		}
		return true
	})
}
