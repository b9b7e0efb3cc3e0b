package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A config that cannot start is rolled back: no session is lost, the config
// before it goes on serving, and the next one that can start replaces it.
func TestCaddyHoldsSessionsThroughConfigsThatFail(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyShorthand, &generation).ExpectingErrors("loading config: loading new config: ")
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := c.Start(t, block, f)
	active := startClientsForReloads(t, f, testbed.Plain, 75)

	// Caddy cannot listen where another program does.
	port := ":" + f.Port()
	taken, err := net.Listen("tcp", "127.0.0.2"+port)
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	failures := []struct {
		name, sites, says string
	}{
		{
			"one server cannot listen on the second of its addresses",
			testbed.Caddy{Directive: func(upstreams string) string {
				return "bind 127.0.0.1 127.0.0.2\n" + c.Directive(upstreams)
			}}.SiteBlock(f, s),
			"address already in use",
		},
		{
			"another server cannot listen on its address",
			block + "http://127.0.0.2" + port + " {\nbind 127.0.0.2\nrespond taken\n}\n",
			"address already in use",
		},
		{
			"a site of the server cannot be provisioned",
			block + "http://other.example" + port + " {\nsocketio " + nodes[0].Addr + " {\nsecret {env.NOBODY_SETS_THIS}\n}\n}\n",
			"NOBODY_SETS_THIS",
		},
	}
	for _, tc := range failures {
		t.Run(tc.name, func(t *testing.T) {
			serving := generation
			for range 3 { // Caddy starts its servers in any order
				status, reply := running.AdminRequest(t, http.MethodPost, "/load", "text/caddyfile", running.Caddyfile(tc.sites))
				assert.Equal(t, http.StatusBadRequest, status, reply)
				assert.Contains(t, reply, tc.says)
				testbed.RequireGenerationReplaced(t, f, serving)
			}
			generation++
			running.Load(t, c.SiteBlock(f, s))
			testbed.RequireGenerationReplaced(t, f, generation)
		})
	}
	active.FinishHeld(t)
}

// When one route is replaced through the admin API, Caddy loads the whole config
// again.
func TestCaddyHoldsSessionsThroughPatchesOfARoute(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyShorthand, &generation)
	endpoints, block := c.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes[:2])})
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)
	active := startClientsForReloads(t, f, testbed.Plain, 75)

	const path = "/config/apps/http/servers/srv0/routes/0"
	patch := func(old, with string) {
		status, route := running.AdminRequest(t, http.MethodGet, path, "", "")
		require.Equal(t, http.StatusOK, status, route)
		require.Equal(t, 1, strings.Count(route, old), route)
		status, reply := running.AdminRequest(t, http.MethodPatch, path, "application/json", strings.Replace(route, old, with, 1))
		require.Equal(t, http.StatusOK, status, reply)
	}
	header := func() string { return fmt.Sprintf(`"X-Generation":["%d"]`, generation) }
	for range 5 {
		before := header()
		generation++
		patch(before, header())
		testbed.RequireGenerationReplaced(t, f, generation)
	}
	last := fmt.Sprintf(`{"dial":"%s"}`, nodes[1].Addr)
	patch(last, fmt.Sprintf(`%s,{"dial":"%s"}`, last, nodes[2].Addr))
	assert.Positive(t, newSessions(t, f)["c"], "new sessions on the new node")
	active.FinishHeld(t)
}
