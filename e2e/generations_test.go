package e2e

import (
	"strings"
	"testing"
)

// socketIO2 has Socket.IO 2 on both sides, where the session ID is also the ID
// that the application sees.
var socketIO2 = setting{name: "Socket.IO 2", flags: []string{"--socketio", "2"}, client: 2, messages: 20}

// small is a setting in little, for what differs from another in one thing.
func (s setting) small() setting {
	s.clients, s.messages, s.maxBytes = 30, 6, 20_000
	return s
}

// withSID is a host whose option sid has a value.
type withSID func(sid string) host

func caddySID(sid string) host { return caddyWith("sid " + sid) }

func traefikSID(sid string) host { return traefikWith(object{"sid": sid}) }

func TestCaddyHoldsSessionsOfSocketIO2(t *testing.T) {
	testSessionsHold(t, caddyShorthand, socketIO2, transports...)
}

func TestTraefikHoldsSessionsOfSocketIO2(t *testing.T) {
	testSessionsHold(t, traefikPlugin, socketIO2, transports...)
}

func TestCaddyHoldsSessionsOf(t *testing.T) {
	testSessionsOfEveryKind(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOf(t *testing.T) {
	testSessionsOfEveryKind(t, traefikPlugin)
}

func testSessionsOfEveryKind(t *testing.T, h host) {
	t.Helper()
	for _, s := range []setting{
		{name: "Socket.IO 2 clients on Socket.IO 4 nodes", flags: []string{"--allow-eio3"}, client: 2},
		{name: "Socket.IO 2 clients on nodes written in Go", nodes: startGoNodes, flags: []string{"--allow-eio3"}, client: 2},
		{name: "clients that send no binary", forceBase64: true},
		{name: "Socket.IO 2 clients that send no binary", flags: socketIO2.flags, client: 2, forceBase64: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			testSessionsHold(t, h, s.small(), transports...)
		})
	}
}

func TestCaddyHoldsSessionsOfTwoGenerationsAtOnce(t *testing.T) {
	testTwoGenerations(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOfTwoGenerationsAtOnce(t *testing.T) {
	testTwoGenerations(t, traefikPlugin)
}

// testTwoGenerations runs clients of Socket.IO 4 and 2 at the same time on the
// same nodes.
func testTwoGenerations(t *testing.T, h host) {
	t.Helper()
	for _, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, "--allow-eio3")
			f := h.serve(t, plain.siteOf(nodes))[0]

			var crowds []*runningCrowd
			for _, client := range []int{4, 2} {
				crowds = append(crowds, setting{client: client}.small().crowdOf(f, transport).start(t))
			}
			var both outcome
			for _, r := range crowds {
				o := r.outcome(t)
				o.assertHeld(t)
				both = both.and(o)
			}
			both.assertSpread(t, nodes)
		})
	}
}

func TestCaddyHoldsLearnedSessionsOfSocketIO4(t *testing.T) {
	testSessionsHold(t, caddySID("learn"), plain.small(), transports...)
}

func TestTraefikHoldsLearnedSessionsOfSocketIO4(t *testing.T) {
	testSessionsHold(t, traefikSID("learn"), plain.small(), transports...)
}

func TestCaddyRenamesClientsOfSocketIO2UnderSidTag(t *testing.T) {
	testTagRenames(t, caddySID)
}

func TestTraefikRenamesClientsOfSocketIO2UnderSidTag(t *testing.T) {
	testTagRenames(t, traefikSID)
}

// testTagRenames shows what tags do to Socket.IO 2, and so why its sessions are
// learned: they hold, but clients know themselves by another ID than their node
// does. A session that begins with a WebSocket has no tag.
func testTagRenames(t *testing.T, h withSID) {
	t.Helper()
	for _, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, socketIO2.flags...)
			f := h("tag").serve(t, socketIO2.siteOf(nodes))[0]

			c := socketIO2.small().crowdOf(f, transport)
			if transport[0] == "polling" {
				c.renamed = c.Clients
			}
			o := c.run(t)
			o.assertHeld(t)
			o.assertSpread(t, nodes)
		})
	}
}

func TestCaddyLosesSessionsOfSocketIO2UnderSidOff(t *testing.T) {
	testOffLoses(t, caddySID)
}

func TestTraefikLosesSessionsOfSocketIO2UnderSidOff(t *testing.T) {
	testOffLoses(t, traefikSID)
}

func testOffLoses(t *testing.T, h withSID) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, socketIO2.flags...)
	f := h("off").serve(t, socketIO2.siteOf(nodes))[0]

	o := socketIO2.small().crowdOf(f, []string{"polling"}).run(t)
	o.assertAllFailed(t)
}
