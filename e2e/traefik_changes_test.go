package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// The plugin is made anew with each configuration.
func TestTraefikHoldsSessionsThroughReloads(t *testing.T) {
	for _, r := range reloadings {
		t.Run(r.name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, r.like.flags...)
			h := traefik{chain: []string{generation, plugin}}
			if r.sid != "" {
				h.options = traefikWith(object{"sid": r.sid}).options
			}
			running := h.serveRunning(t, r.like.siteOf(nodes))
			r.test(t, running.fronts[0], func(n int) {
				h.generation = n
				running.load(t, h)
			})
		})
	}
}

// A node dies under its sessions, and Traefik's health check finds out. Nobody
// else notices, and those who were on it connect anew elsewhere.
func TestTraefikMovesTheSessionsOfANodeThatDies(t *testing.T) {
	const clients = 30
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		t.Run(transports[0], func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"})
			h := traefikPlugin
			h.healthCheck = true
			f := h.serve(t, site{upstreams: addresses(nodes)})[0]
			talking := crowd{
				URL: f.url, Clients: clients, Transports: transports, Messages: 2, MaxBytes: 2000,
				Hold: "talk", Pause: 10, Reconnect: true,
			}.start(t)
			talking.requireReady(t)

			bound := openedOn(t, f, "a")
			nodes[0].stop()
			requireAvoided(t, f, len(nodes))
			// This is what makes its clients connect anew at once.
			lost := bound.do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, lost.body)

			o := talking.finish(t)
			o.assertRight(t)
			assert.Positive(t, o.PerNode["a"])
			assert.Equal(t, o.PerNode["a"], o.Disconnects, "sessions lost")
			assert.Zero(t, o.Ungreeted, "sessions lost before a node greeted")
			assert.NotContains(t, o.Reopened, "a")
			reopened := 0
			for _, n := range o.Reopened {
				reopened += n
			}
			assert.Equal(t, o.PerNode["a"], reopened, "sessions opened anew, %v", o.Reopened)
		})
	}
}

// openedOn opens sessions until one is on the node of a name. It closes those
// that are not.
func openedOn(t *testing.T, f front, name string) *engine {
	t.Helper()
	var e *engine
	requireSoon(t, "a session on node "+name, func() bool {
		e = newEngine(t, f)
		e.handshakeReply(t)
		if e.connect(t) == name {
			return true
		}
		e.post(t, "1")
		return false
	})
	return e
}

func TestTraefikOpensSessionsBesideADeadNodeWithRetry(t *testing.T) {
	for _, chain := range [][]string{{retry, plugin}, {plugin, retry}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			testSessionsOpenBesideADeadNode(t, traefik{chain: chain})
		})
	}
}
