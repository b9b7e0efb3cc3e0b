package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// The secret is rotated by two reloads of each proxy, and a third one removes the
// old secret. Clients that poll, which open a connection for each request, are
// opened in every state of the two proxies, and go through both.
func TestCaddyHoldsSessionsWhileTheSecretIsRotated(t *testing.T) {
	t.Parallel()
	const clients = 12
	p := startRotatingCaddys(t)
	before := testbed.StartClients(t, p.clients(clients))
	for _, secrets := range []string{"old new", "new old"} {
		for i := range p.caddys {
			p.reload(t, i, secrets)
			before = append(before, testbed.StartClients(t, p.clients(clients))...)
			p.requirePassed(t, before.Count())
		}
	}
	after := testbed.StartClients(t, p.clients(clients))
	before.FinishHeld(t).AssertBalanced(t, p.nodes)
	for i := range p.caddys {
		p.reload(t, i, "new")
		p.requirePassed(t, after.Count())
	}
	after.FinishHeld(t)
	for _, c := range p.caddys {
		assert.Zero(t, c.warnings(), "warnings about tags that no upstream has")
	}
}

// This is a control: with one reload of each proxy, sessions are lost while the
// proxies have different configs. If the new config does not accept the old secret,
// these are all sessions; if it does, they are those that it opens, as the other
// proxy, which has not been reloaded, does not know the new secret.
func TestCaddyLosesSessionsWhenTheSecretIsRotatedInOneReload(t *testing.T) {
	t.Parallel()
	const clients = 12
	for _, tc := range []struct {
		name, secrets string
		loses         bool // the sessions that were open before
	}{
		{"to the new secret alone", "new", true},
		{"and the old one is accepted", "new old", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := startRotatingCaddys(t)
			before := p.reconnectingClients(clients).Start(t)
			before.RequireReady(t)
			p.reload(t, 0, tc.secrets)
			during := p.reconnectingClients(clients).Start(t)
			testbed.RequireEventually(t, "the old config has had ten requests with tags of the new secret", func() bool {
				return p.caddys[1].warnings() >= 2
			})
			p.reload(t, 1, tc.secrets)

			during.RequireReady(t)
			o := during.Finish(t)
			o.AssertCorrect(t)
			if !tc.loses { // otherwise the requests may have been those of the other clients
				assert.Positive(t, o.LostBeforeConnect+o.Disconnects, "sessions lost that were opened meanwhile")
			}
			t.Logf("%s: of %d clients that connected meanwhile, sessions lost: %d before and %d after they were connected",
				t.Name(), clients, o.LostBeforeConnect, o.Disconnects)
			o = before.Finish(t)
			o.AssertCorrect(t)
			t.Logf("%s: %d of the sessions of %d other clients are lost", t.Name(), o.Disconnects, clients)
			assert.Equal(t, tc.loses, o.Disconnects > 0, "whether sessions are lost that were open before")
		})
	}
}

// rotatingCaddys are two Caddys behind a balancer, in front of the same nodes. They
// have the secret "old" until it is replaced.
type rotatingCaddys struct {
	*testbed.TCPBalancer
	nodes      []*testbed.Node
	caddys     []caddyWithSecret
	generation int
}

func startRotatingCaddys(t *testing.T) *rotatingCaddys {
	t.Helper()
	p := &rotatingCaddys{nodes: testbed.StartNodes(t, []string{"a", "b", "c"})}
	p.caddys = startWithSecrets(t, p.nodes, "old", "old")
	p.TCPBalancer = testbed.StartTCPBalancer(t, endpointsOf(p.caddys))
	return p
}

// reload replaces the secrets of one of the Caddys.
func (p *rotatingCaddys) reload(t *testing.T, index int, secrets string) {
	t.Helper()
	p.generation++
	c := testbed.WithGeneration(testbed.CaddyWith("secret "+secrets), &p.generation)
	of := p.caddys[index]
	of.Load(t, c.SiteBlock(of.endpoint, testbed.Plain.SiteOf(p.nodes)))
	testbed.RequireGenerationReplaced(t, of.endpoint, p.generation)
}

// clients are clients that poll all the time.
func (p *rotatingCaddys) clients(count int) testbed.Clients {
	return testbed.Clients{
		URL: p.URL, Count: count, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000,
		Mode: testbed.Continuous, Pause: 200,
	}
}

// reconnectingClients are clients that reconnect when they lose their session.
func (p *rotatingCaddys) reconnectingClients(count int) testbed.Clients {
	c := p.clients(count)
	c.Reconnect = true
	return c
}

// requirePassed waits until each Caddy has had several connections of each of this
// many clients, on average.
func (p *rotatingCaddys) requirePassed(t *testing.T, clients int) {
	t.Helper()
	since := p.Connections()
	testbed.RequireEventually(t, "requests have passed both proxies", func() bool {
		for i, connections := range p.Connections() {
			if connections-since[i] < int64(4*clients) {
				return false
			}
		}
		return true
	})
}
