package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whoever replaces one route through the admin API has Caddy load the whole
// config anew.
func TestCaddyHoldsSessionsThroughPatchesOfARoute(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	generation := 0
	c := changing(caddyShorthand, &generation)
	fronts, block := c.sites(t, site{upstreams: addresses(nodes[:2])})
	f := fronts[0]
	running := startCaddy(t, block, f)
	talking := startReloaded(t, f, plain)

	const path = "/config/apps/http/servers/srv0/routes/0"
	patch := func(old, with string) {
		status, route := running.request(t, http.MethodGet, path, "", "")
		require.Equal(t, http.StatusOK, status, route)
		require.Equal(t, 1, strings.Count(route, old), route)
		status, said := running.request(t, http.MethodPatch, path, "application/json", strings.Replace(route, old, with, 1))
		require.Equal(t, http.StatusOK, status, said)
	}
	said := func() string { return fmt.Sprintf(`"X-Generation":["%d"]`, generation) }
	for range 5 {
		before := said()
		generation++
		patch(before, said())
		requireTakenOver(t, f, generation)
	}
	last := fmt.Sprintf(`{"dial":"%s"}`, nodes[1].addr)
	patch(last, fmt.Sprintf(`%s,{"dial":"%s"}`, last, nodes[2].addr))
	assert.Positive(t, newSessions(t, f)["c"], "new sessions on the new node")
	talking.finishHeld(t)
}
