package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// roaming has clients that come from another address with each connection, as a
// phone does between networks, and many a company's or carrier's network.
var roaming = setting{roam: true}.small()

func TestCaddyHoldsSessionsOfRoamingClients(t *testing.T) {
	testRoamingClients(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOfRoamingClients(t *testing.T) {
	testRoamingClients(t, traefikPlugin)
}

func testRoamingClients(t *testing.T, h host) {
	t.Helper()
	t.Run("of Socket.IO 4", func(t *testing.T) {
		testSessionsHold(t, h, roaming, []string{"polling"}, []string{"polling", "websocket"})
	})
	t.Run("of Socket.IO 2", func(t *testing.T) {
		s := roaming
		s.flags, s.client = socketIO2.flags, socketIO2.client
		testSessionsHold(t, h, s, []string{"polling"})
	})
}

// What Caddy has without this module goes by the client's address, which loses
// clients that roam.
func TestAnAddressAloneDoesNotHoldRoamingClients(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := caddyPolicy("ip_hash").serve(t, roaming.siteOf(nodes))[0]

	o := roaming.crowdOf(f, []string{"polling"}).run(t)
	o.assertAllFailed(t)
}

// It holds those that stay where they are, but all that share an address, as
// the crowds of the other tests do, on one node.
func TestAnAddressAloneDoesNotSpreadClients(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := caddyPolicy("ip_hash").serve(t, plain.siteOf(nodes))[0]

	c := plain.small().crowdOf(f, []string{"polling"})
	c.Clients = 60
	o := c.run(t)
	o.assertHeld(t)
	assert.Len(t, o.PerNode, 1, "nodes that greeted clients")
}
