package e2e

import (
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// roamingClients use another source address for each connection, as a phone does
// between networks, and the networks of many companies and carriers.
var roamingClients = testbed.Variant{Roam: true}.Small()

func TestCaddyHoldsSessionsOfRoamingClients(t *testing.T) {
	t.Parallel()
	testRoamingClients(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOfRoamingClients(t *testing.T) {
	t.Parallel()
	testRoamingClients(t, testbed.TraefikPlugin)
}

func testRoamingClients(t *testing.T, h testbed.Proxy) {
	t.Helper()
	t.Run("of Socket.IO 4", func(t *testing.T) {
		testSessionsHold(t, h, roamingClients, []string{"polling"}, []string{"polling", "websocket"})
	})
	t.Run("of Socket.IO 2", func(t *testing.T) {
		v := roamingClients
		v.Flags, v.Version = testbed.SocketIO2.Flags, testbed.SocketIO2.Version
		testSessionsHold(t, h, v, []string{"polling"})
	})
}
