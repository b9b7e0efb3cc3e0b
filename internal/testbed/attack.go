package testbed

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Attack is a host with a site that something hostile goes on at, and beside it
// one whose clients are to notice nothing. They talk all the while.
type Attack struct {
	Endpoint // the hostile site

	Bystanders Endpoint
	nodes      []*Node
	clients    ClientGroups
	Before     memory
}

// StartAttack starts a host with fake nodes behind the hostile site, and real ones
// behind the other, and returns it once the clients there are up.
func StartAttack(t *testing.T, h Proxy, like Variant, fakes ...string) *Attack {
	t.Helper()
	s := &Attack{nodes: StartNodes(t, []string{"a", "b", "c"}, like.Flags...)}
	endpoints := h.Serve(t, Site{Upstreams: fakes}, like.SiteOf(s.nodes))
	s.Endpoint, s.Bystanders = endpoints[0], endpoints[1]
	for _, transports := range [][]string{{"polling"}, {"polling", "websocket"}} {
		const clients = 9
		s.clients = append(s.clients, Clients{
			URL: s.Bystanders.URL, Count: clients, Version: like.Version, Transports: transports, Messages: 2, MaxBytes: 2000,
			Mode: Continuous, Pause: 50, WantSetCookies: s.Bystanders.CookiesFor(clients, transports),
		}.Start(t))
	}
	for _, r := range s.clients {
		r.RequireReady(t)
	}
	s.Before = s.Memory(t)
	return s
}

// AssertBystandersUnharmed ends the siege: whatever went on, nobody beside it noticed.
func (s *Attack) AssertBystandersUnharmed(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s began with %s, and has %s", t.Name(), s.Program.Name, s.Before, s.Memory(t))
	all := s.clients.FinishHeld(t)
	all.AssertBalanced(t, s.nodes)
	select {
	case <-s.Program.exited:
		assert.Fail(t, s.Program.Name+" has ended", s.Program.Log.Tail())
	default:
	}
}
