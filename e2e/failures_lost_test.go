package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// lostSessions names the environment variable with the number of sessions that are
// lost, an even one. make lost sets it. By default there are few.
const lostSessions = "LOST_SESSIONS"

// Clients that poll, all of whose sessions are on one node, lose that node. They
// open new sessions on the others. With reject, these get no request of a session
// that they do not have.
func TestCaddyReconnectsClientsOfLostSessions(t *testing.T) {
	for _, tc := range []struct {
		name string
		// loses reports whether clients send a request of the lost session: when a node
		// is killed, most clients see that in their open poll.
		loses bool
		lose  func(nodes []*testbed.Node, serve func([]*testbed.Node))
	}{
		{"a node killed", false, func(nodes []*testbed.Node, _ func([]*testbed.Node)) { nodes[0].Kill() }},
		{"a node removed", true, func(nodes []*testbed.Node, serve func([]*testbed.Node)) { serve(nodes[1:]) }},
	} {
		for _, lost := range []string{"fallback", "reject"} {
			t.Run(tc.name+", lost "+lost, func(t *testing.T) {
				sessions := testbed.FromEnvironment(t, lostSessions, 60)
				nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
				others := nodes[1:]
				f, serve := testbed.CaddyWith("lost "+lost).ExpectingErrors(testbed.BadGateway).ServeReconfigurable(t, nodes[:1])
				active := testbed.StartReconnectingClients(t, f, sessions/2, []string{"polling"}, []string{"polling"})
				serve(nodes)

				proxy, onNodes := f.Program.CPUTime(t), cpuTimeOf(t, others)
				began := time.Now()
				tc.lose(nodes, serve)
				testbed.RequireActive(t, others, sessions)
				took := time.Since(began)
				proxy, onNodes = f.Program.CPUTime(t)-proxy, cpuTimeOf(t, others)-onNodes

				unknown := unknownSessions(t, others)
				o := active.Finish(t)
				o.AssertOnlyLostOn(t, "a")
				o.LogReconnectsSince(t, began)
				t.Logf("%s: %d sessions, all opened again in %.1f s; CPU time of Caddy %d ms, of the other nodes %d ms; "+
					"requests of lost sessions that they got: %d", t.Name(), sessions, took.Seconds(), proxy.Milliseconds(), onNodes.Milliseconds(), unknown)
				switch {
				case lost == "reject":
					assert.Zero(t, unknown, "requests of lost sessions that nodes got")
				case tc.loses:
					assert.GreaterOrEqual(t, unknown, sessions, "requests of lost sessions that nodes got")
				}
			})
		}
	}
}

// What the requests of lost sessions alone cost: ten of each session.
func TestCaddyRejectsLostSessionsWithoutANode(t *testing.T) {
	const each = 10
	sessions := testbed.FromEnvironment(t, lostSessions, 60)
	for _, lost := range []string{"fallback", "reject"} {
		t.Run("lost "+lost, func(t *testing.T) {
			nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
			others := nodes[1:]
			f, serve := testbed.CaddyWith("lost "+lost).ServeReconfigurable(t, nodes[:1])
			e := testbed.NewEngine(t, f)
			sids := make([]string, sessions)
			for i := range sids {
				e.SID = ""
				e.HandshakeBound(t)
				sids[i] = e.SID
			}
			serve(others)

			proxy, onNodes := f.Program.CPUTime(t), cpuTimeOf(t, others)
			began := time.Now()
			for range each {
				for _, e.SID = range sids {
					r := e.Do(t, http.MethodGet, "", nil)
					require.Equal(t, http.StatusBadRequest, r.StatusCode)
					require.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.Text)
				}
			}
			took := time.Since(began)
			proxy, onNodes = f.Program.CPUTime(t)-proxy, cpuTimeOf(t, others)-onNodes
			t.Logf("%s: %d requests, one after another, in %d ms; CPU time of Caddy %d ms, of the nodes %d ms",
				t.Name(), each*sessions, took.Milliseconds(), proxy.Milliseconds(), onNodes.Milliseconds())
			if lost == "reject" {
				assert.Zero(t, unknownSessions(t, others), "requests that nodes got")
			} else {
				assert.Equal(t, each*sessions, unknownSessions(t, others), "requests that nodes got")
			}
		})
	}
}

// The reply to a request of a lost session is the same whether another node gives
// it or the proxy, of each version and over each transport.
func TestCaddyRejectsLostSessionsAsANodeWould(t *testing.T) {
	t.Parallel()
	for _, v := range []testbed.Variant{testbed.Plain, testbed.SocketIO2} {
		nodes := v.StartNodes(t, "a", "b")
		replies := map[string][]testbed.Reply{}
		for _, lost := range []string{"fallback", "reject"} {
			f, serve := testbed.CaddyWith("sid tag", "lost "+lost).ServeReconfigurable(t, nodes[:1])
			e := testbed.NewEngine(t, f)
			if v.Version == 2 {
				e.Version = "3"
			}
			e.HandshakeBound(t)
			serve(nodes[1:])
			replies[lost] = []testbed.Reply{
				e.Do(t, http.MethodGet, "", nil),
				e.Do(t, http.MethodPost, "3", nil),
				e.Do(t, http.MethodPut, "", nil),
				testbed.WebSocket(t, f, e.SID, nil),
			}
		}
		for i, node := range replies["fallback"] {
			proxy := replies["reject"][i]
			assert.Equal(t, http.StatusBadRequest, node.StatusCode)
			assert.Equal(t, node.StatusCode, proxy.StatusCode)
			assert.Contains(t, node.Text, "Session ID unknown")
			assert.Equal(t, node.Text, proxy.Text)
			assert.Equal(t, node.Header.Get("Content-Type"), proxy.Header.Get("Content-Type"))
		}
	}
}

// A page of another site cannot read a reply without CORS headers. Its clients see a
// network error instead of the status, and open new sessions all the same.
func TestCaddyReconnectsClientsOfLostSessionsInAPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	b := testbed.SharedBrowser(t, false)
	for _, tc := range []struct{ name, lost, header, status string }{
		{"another node replies, with its own headers", "fallback", "", "400"},
		{"the proxy replies", "reject", "", "0"},
		{"the proxy replies, with a header of the site", "reject", "header ?Access-Control-Allow-Origin *\n", "400"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b"}, "--cors", "--ping-interval", "1000")
			h := testbed.CaddyWith("lost " + tc.lost)
			directive := h.Directive
			h.Directive = func(upstreams string) string { return tc.header + directive(upstreams) }
			f, serve := h.ServeReconfigurable(t, nodes[:1])
			c := testbed.CrossSiteClients(f, nodes[1], testbed.SocketIO4Build, "polling")
			c.Reconnect = true

			running := b.Start(t, c)
			testbed.RequireActive(t, nodes[:1], c.Count)
			serve(nodes[1:])
			o := running.Wait(t)
			o.AssertCorrect(t)
			assert.Equal(t, map[string]int{tc.status: c.Count}, o.LostByStatus)
			assert.Equal(t, map[string]int{"b": c.Count}, o.Reopened)
			if tc.lost == "reject" {
				assert.Zero(t, unknownSessions(t, nodes[1:]), "requests of lost sessions that nodes got")
			}
		})
	}
}

// Upstreams that are proxies themselves have the same sessions: if one of them is
// gone, another one finds the node by its own tag. So reject is not for them.
func TestCaddyHoldsSessionsOfALostProxyUnlessItRejectsThem(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	var proxies []*testbed.Node
	for _, f := range endpointsOf(startWithSecrets(t, nodes, "inner", "inner")) {
		proxies = append(proxies, &testbed.Node{Addr: f.Address()})
	}
	for lost, want := range map[string]int{"fallback": http.StatusOK, "reject": http.StatusBadRequest} {
		t.Run(lost, func(t *testing.T) {
			f, serve := testbed.CaddyWith("lost "+lost).ServeReconfigurable(t, proxies[:1])
			e := testbed.NewEngine(t, f)
			e.Handshake(t)
			serve(proxies[1:])
			assert.Equal(t, want, e.Do(t, http.MethodPost, "3", nil).StatusCode)
		})
	}
}

// cpuTimeOf returns how long nodes have been on a CPU together.
func cpuTimeOf(t *testing.T, nodes []*testbed.Node) (sum time.Duration) {
	t.Helper()
	for _, n := range nodes {
		sum += n.CPUTime(t)
	}
	return sum
}

// unknownSessions returns how many requests the nodes have answered with "Session
// ID unknown".
func unknownSessions(t *testing.T, nodes []*testbed.Node) (sum int) {
	t.Helper()
	for _, n := range nodes {
		sum += n.Status(t).UnknownSessions
	}
	return sum
}
