package e2e

import (
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyHoldsSessionsOfSocketIO2(t *testing.T) {
	t.Parallel()
	testSessionsHold(t, testbed.CaddyShorthand, testbed.SocketIO2.Small(), testbed.Transports...)
}

func TestTraefikHoldsSessionsOfSocketIO2(t *testing.T) {
	t.Parallel()
	testSessionsHold(t, testbed.TraefikPlugin, testbed.SocketIO2.Small(), testbed.Transports...)
}

func TestCaddyHoldsSessionsOf(t *testing.T) {
	t.Parallel()
	testSessionsOfOtherClients(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOf(t *testing.T) {
	t.Parallel()
	testSessionsOfOtherClients(t, testbed.TraefikPlugin)
}

// testSessionsOfOtherClients runs clients of other versions than their node's, and
// clients that send binary as base64.
func testSessionsOfOtherClients(t *testing.T, h testbed.Proxy) {
	t.Helper()
	for _, v := range []testbed.Variant{
		{Name: "Socket.IO 2 clients on Socket.IO 4 nodes", Flags: []string{"--allow-eio3"}, Version: 2},
		{Name: "Socket.IO 2 clients on nodes written in Go", Nodes: testbed.StartGoNodes, Flags: []string{"--allow-eio3"}, Version: 2},
		{Name: "clients that send no binary", ForceBase64: true},
		{Name: "Socket.IO 2 clients that send no binary", Flags: testbed.SocketIO2.Flags, Version: 2, ForceBase64: true},
	} {
		t.Run(v.Name, func(t *testing.T) {
			testSessionsHold(t, h, v.Small(), testbed.Transports...)
		})
	}
}

func TestCaddyHoldsSessionsOfTwoGenerationsAtOnce(t *testing.T) {
	t.Parallel()
	testTwoGenerations(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOfTwoGenerationsAtOnce(t *testing.T) {
	t.Parallel()
	testTwoGenerations(t, testbed.TraefikPlugin)
}

// testTwoGenerations runs clients of Socket.IO 4 and 2 at the same time on the same
// nodes.
func testTwoGenerations(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--allow-eio3")
	f := h.Serve(t, testbed.Plain.SiteOf(nodes))[0]

	var running testbed.ClientGroups
	for _, version := range []int{4, 2} {
		v := testbed.Variant{Version: version}.Small()
		running = append(running, v.ClientsInTurn(f, testbed.Transports...).Start(t))
	}
	running.WaitHeld(t).AssertBalanced(t, nodes)
}

func TestCaddyHoldsLearnedSessionsOfSocketIO4(t *testing.T) {
	t.Parallel()
	testSessionsHold(t, caddySID("learn"), testbed.Plain.Small(), testbed.Transports...)
}

func TestTraefikHoldsLearnedSessionsOfSocketIO4(t *testing.T) {
	t.Parallel()
	testSessionsHold(t, traefikSID("learn"), testbed.Plain.Small(), testbed.Transports...)
}
