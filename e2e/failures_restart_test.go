package e2e

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// Tagged sessions hold through a restart of Caddy, because the tag is in the
// session ID. Learned sessions are forgotten.
func TestCaddyHoldsTaggedSessionsThroughARestart(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	for _, tc := range []struct {
		sid    string
		signal syscall.Signal
		before bool   // the second Caddy starts before the first ends
		reason string // why the upstream of a request is chosen afterwards
	}{
		{"tag", syscall.SIGTERM, false, "tag"},
		{"tag", syscall.SIGKILL, false, "tag"},
		{"tag", syscall.SIGTERM, true, "tag"},
		{"learn", syscall.SIGTERM, false, "unknown_session"},
		{"learn", syscall.SIGTERM, true, "unknown_session"},
	} {
		t.Run(fmt.Sprintf("sid %s, %s, second before %t", tc.sid, tc.signal, tc.before), func(t *testing.T) {
			endpoints, block := testbed.CaddyShowingReason("sid "+tc.sid).Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
			f, first := endpoints[0], testbed.StartCaddy(t, block, endpoints...)
			sessions := map[*testbed.Engine]string{}
			for range 9 {
				e := testbed.NewEngine(t, f)
				sessions[e] = e.Handshake(t).Header.Get("X-Node")
			}

			if tc.before {
				testbed.StartCaddyBesideAnother(t, block)
				first.Terminate(t, tc.signal)
			} else {
				first.Terminate(t, tc.signal)
				testbed.StartCaddyBesideAnother(t, block)
			}
			unknown := 0
			// By chance, the request of a lost session goes to its node, and those of all
			// of them may.
			for round := 0; round == 0 || unknown == 0 && tc.reason != "tag" && round < 20; round++ {
				for e, node := range sessions {
					r := e.Do(t, http.MethodPost, "3", nil)
					assert.Equal(t, tc.reason, r.Header.Get("X-Reason"))
					if r.Header.Get("X-Node") == node {
						assert.Equal(t, http.StatusOK, r.StatusCode, r.Text)
						continue
					}
					assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.Text)
					assert.Equal(t, http.StatusBadRequest, r.StatusCode)
					unknown++
				}
			}
			if tc.reason == "tag" {
				assert.Zero(t, unknown, "sessions lost")
			} else {
				assert.Positive(t, unknown, "sessions lost")
			}
		})
	}
}

// Clients give up their session when a request is refused, as happens while
// nothing listens. All of them reconnect. Before it exits, Caddy waits for the
// polls that wait at the nodes, which a ping ends here after a second. A client whose
// upgrade is cut off may notice by its ping timeout only.
func TestCaddyReconnectsClientsAfterARestart(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--ping-interval", "1000", "--ping-timeout", "10000")
	endpoints, block := testbed.CaddyShorthand.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	first := testbed.StartCaddy(t, block, endpoints...)
	active := testbed.StartClients(t, testbed.Clients{
		URL: endpoints[0].URL, Count: 90, TransportsInTurn: testbed.Transports, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 250, Reconnect: true,
	})

	first.Terminate(t, syscall.SIGTERM)
	testbed.StartCaddyBesideAnother(t, block)
	testbed.RequireActive(t, nodes, active.Count())
	o := active.Finish(t)
	assert.Equal(t, o.Clients, o.Connected)
	assert.Len(t, o.ReopenedAfter, o.Disconnects, "sessions reopened")
	o.AssertCorrect(t)
	o.LogReconnects(t)
}
