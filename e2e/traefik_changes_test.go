package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Polls and sockets go on while Traefik replaces its configuration, and the
// plugin with it, again and again.
func TestTraefikHoldsSessionsThroughReloads(t *testing.T) {
	cases := []struct {
		name  string
		host  traefik
		nodes setting
	}{
		{"of Socket.IO 4", traefikPlugin, plain},
		{"of Socket.IO 2, which are learned", traefikPlugin, socketIO2},
		{"of Socket.IO 4 that are learned", traefikWith(object{"sid": "learn"}), plain},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			testTraefikReloads(t, tc.host, tc.nodes)
		})
	}
}

func testTraefikReloads(t *testing.T, h traefik, like setting) {
	t.Helper()
	const clients, reloads = 20, 5
	nodes := startNodes(t, []string{"a", "b", "c"}, like.flags...)
	h.chain = []string{generation, plugin}
	running := h.serveRunning(t, site{upstreams: addresses(nodes)})
	f := running.fronts[0]

	var talking []*runningCrowd
	for _, transports := range [][]string{{"polling"}, {"websocket"}} {
		talking = append(talking, crowd{
			URL: f.url, Clients: clients, Client: like.client, Transports: transports, Messages: 2, MaxBytes: 2000,
			Hold: "talk", Pause: 10, cookies: f.cookies(clients, transports),
		}.start(t))
	}
	for _, r := range talking {
		r.requireReady(t)
	}
	for h.generation = 1; h.generation <= reloads; h.generation++ {
		running.load(t, h)
		requireTakenOver(t, f, h.generation)
	}
	for _, r := range talking {
		o := r.finish(t)
		o.assertHeld(t)
		o.assertSpread(t, nodes)
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
