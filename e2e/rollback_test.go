package e2e

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A config that cannot start is rolled back: no session is lost, the config
// before it goes on serving, and the next one that can start takes over.
func TestCaddyHoldsSessionsThroughConfigsThatFail(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	generation := 0
	c := changing(caddyShorthand, &generation).expecting("loading config: loading new config: ")
	s := site{upstreams: addresses(nodes)}
	fronts, block := c.sites(t, s)
	f := fronts[0]
	running := c.start(t, block, f)
	talking := startReloaded(t, f, plain)

	// Nobody can listen beside a socket that is not Caddy's.
	port := ":" + f.port()
	taken, err := net.Listen("tcp", "127.0.0.2"+port)
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	failures := []struct {
		name, sites, says string
	}{
		{
			"one server cannot listen on the second of its addresses",
			caddy{proxy: func(upstreams string) string {
				return "bind 127.0.0.1 127.0.0.2\n" + c.proxy(upstreams)
			}}.block(f, s),
			"address already in use",
		},
		{
			"another server cannot listen on its address",
			block + "http://127.0.0.2" + port + " {\nbind 127.0.0.2\nrespond taken\n}\n",
			"address already in use",
		},
		{
			"a site of the server cannot be provisioned",
			block + "http://other.example" + port + " {\nsocketio " + nodes[0].addr + " {\nsecret {env.NOBODY_SETS_THIS}\n}\n}\n",
			"NOBODY_SETS_THIS",
		},
	}
	for _, tc := range failures {
		t.Run(tc.name, func(t *testing.T) {
			serving := generation
			for range 3 { // Caddy starts its servers in any order
				status, said := running.request(t, http.MethodPost, "/load", "text/caddyfile", running.caddyfile(tc.sites))
				assert.Equal(t, http.StatusBadRequest, status, said)
				assert.Contains(t, said, tc.says)
				requireTakenOver(t, f, serving)
			}
			generation++
			running.load(t, c.block(f, s))
			requireTakenOver(t, f, generation)
		})
	}
	talking.finishHeld(t)
}

// startReloaded starts the clients that talk while a config is replaced: 50 that
// poll, which make a connection for each request, and 25 with sockets.
func startReloaded(t *testing.T, f front, like setting) runningCrowds {
	t.Helper()
	each := crowd{URL: f.url, Client: like.client, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250}
	polls, sockets := each, each
	polls.Transports, polls.Clients = []string{"polling"}, 50
	sockets.Transports, sockets.Clients = []string{"websocket"}, 25
	talking := runningCrowds{polls.start(t), sockets.start(t)}
	for _, r := range talking {
		r.requireReady(t)
	}
	return talking
}
