package testbed

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Attack is a proxy with two sites: one that hostile clients or nodes abuse,
// and one beside it whose clients, which send messages all the while, must not
// be harmed.
type Attack struct {
	Endpoint // of the attacked site

	Bystanders Endpoint
	fakes      []string // their addresses
	nodes      []*Node
	clients    ClientGroups
	Before     MemoryUse
}

// StartAttack starts a proxy with fake nodes behind the attacked site and real
// ones behind the other, and returns once the clients of that are connected.
func StartAttack(t *testing.T, h Proxy, like Variant, fakes ...string) *Attack {
	t.Helper()
	s := &Attack{fakes: fakes, nodes: StartNodes(t, []string{"a", "b", "c"}, like.Flags...)}
	endpoints := h.Serve(t, Site{Upstreams: fakes}, like.SiteOf(s.nodes))
	s.Endpoint, s.Bystanders = endpoints[0], endpoints[1]
	const clients = 18
	s.clients = StartClients(t, Clients{
		URL: s.Bystanders.URL, Count: clients, Version: like.Version, TransportsInTurn: Transports[:2], Messages: 2, MaxBytes: 2000,
		Mode: Continuous, Pause: 250, WantSetCookies: s.Bystanders.CookiesFor(clients, Transports[0]),
	})
	s.Before = s.Memory(t)
	return s
}

// SettledHeap is [Endpoint.SettledHeap] while the bystanders pause, each of whose
// requests has buffers, and once the proxy has closed its connections to the fake nodes,
// which have some too.
func (s *Attack) SettledHeap(t *testing.T) int {
	t.Helper()
	s.requireNoConnections(t)
	s.clients[0].Do(t, "pause")
	defer s.clients[0].Send(t, "resume")
	return s.Endpoint.SettledHeap(t)
}

// requireNoConnections waits until the proxy has closed its connections to the fake
// nodes.
func (s *Attack) requireNoConnections(t *testing.T) {
	t.Helper()
	RequireEventually(t, "the proxy has no connection to the fake nodes", func() bool {
		open := 0
		for _, address := range s.fakes {
			open += fakeConnections(address)
		}
		return open == 0
	})
}

// AssertBystandersUnharmed ends the attack and checks that no client of the
// other site lost its session.
func (s *Attack) AssertBystandersUnharmed(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s had %s before the attack, and has %s after it", t.Name(), s.Program.Name, s.Before, s.Memory(t))
	all := s.clients.FinishHeld(t)
	all.AssertBalanced(t, s.nodes)
	assert.True(t, s.Program.Running(), "%s has ended: %s", s.Program.Name, s.Program.Output.Tail())
}
