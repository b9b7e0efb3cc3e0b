package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What holds through a restart of Caddy is in the session IDs: those that it has
// tagged are good, and those that it had learned are forgotten.
func TestCaddyKnowsTaggedSessionsAfterARestart(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	for _, tc := range []struct {
		sid    string
		signal syscall.Signal
		before bool   // the second Caddy starts before the first ends
		by     string // what a request's node is chosen by, afterwards
	}{
		{"tag", syscall.SIGTERM, false, "tag"},
		{"tag", syscall.SIGKILL, false, "tag"},
		{"tag", syscall.SIGTERM, true, "tag"},
		{"learn", syscall.SIGTERM, false, "unknown_session"},
		{"learn", syscall.SIGTERM, true, "unknown_session"},
	} {
		t.Run(fmt.Sprintf("sid %s, %s, second before %t", tc.sid, tc.signal, tc.before), func(t *testing.T) {
			fronts, block := caddyShowing("sid "+tc.sid).sites(t, site{upstreams: addresses(nodes)})
			f, first := fronts[0], startCaddy(t, block, fronts...)
			sessions := map[*engine]string{}
			for range 9 {
				e := newEngine(t, f)
				sessions[e] = e.handshake(t).Header.Get("X-Node")
			}

			if tc.before {
				startServing(t, block)
				first.end(t, tc.signal)
			} else {
				first.end(t, tc.signal)
				startServing(t, block)
			}
			unknown := 0
			for e, node := range sessions {
				r := e.do(t, http.MethodPost, "3", nil)
				assert.Equal(t, tc.by, r.Header.Get("X-By"))
				if r.Header.Get("X-Node") == node { // by chance, when the session is lost
					assert.Equal(t, http.StatusOK, r.StatusCode, r.body)
					continue
				}
				assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.body)
				assert.Equal(t, http.StatusBadRequest, r.StatusCode)
				unknown++
			}
			if tc.by == "tag" {
				assert.Zero(t, unknown, "sessions lost")
			} else {
				assert.Positive(t, unknown, "sessions lost")
			}
		})
	}
}

// Stock clients give their session up when a request of theirs is refused, as it
// is while nothing listens. All of them come back. Caddy waits at its exit for
// the polls that wait at the nodes, which a ping ends here after a second.
func TestCaddyBringsClientsBackAfterARestart(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--ping-interval", "1000")
	fronts, block := caddyShorthand.sites(t, site{upstreams: addresses(nodes)})
	first := startCaddy(t, block, fronts...)
	var talking runningCrowds
	for _, transport := range transports {
		talking = append(talking, crowd{
			URL: fronts[0].url, Clients: 30, Transports: transport, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250, Reconnect: true,
		}.start(t))
	}
	for _, r := range talking {
		r.requireReady(t)
	}

	first.end(t, syscall.SIGTERM)
	startServing(t, block)
	requireSessions(t, nodes, talking.clients())
	o := talking.finish(t)
	assert.Equal(t, o.Clients, o.Connected)
	assert.Len(t, o.ReopenedAfter, o.Disconnects, "sessions opened anew")
	o.assertRight(t)
	o.logReturns(t)
}

// startServing starts a Caddy with sites that another one may serve too, and
// waits until this one serves them.
func startServing(t *testing.T, sites string) {
	t.Helper()
	c := startCaddy(t, sites)
	requireSoon(t, "Caddy serves", func() bool {
		c.requireRuns(t)
		return strings.Contains(c.log.String(), "serving initial configuration")
	})
}

// end ends Caddy with a signal and waits for its end.
func (c *runningCaddy) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(front{proxy: c.process}.pid(t), signal))
	c.requireEnded(t)
}

// requireEnded waits until the program has ended.
func (p *process) requireEnded(t *testing.T) {
	t.Helper()
	requireSoon(t, p.name+" has ended", func() bool {
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	})
}
