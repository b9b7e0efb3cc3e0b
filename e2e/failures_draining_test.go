package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// As docs/caddy.md says, a fallback that gives a node no weight drains it: it gets
// no new sessions, and keeps those that it has.
func TestCaddyDrainsANodeWithoutWeight(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	endpoints, block := testbed.CaddyWith("fallback weighted_round_robin 1 1 1").Sites(t, s)
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)

	type session struct {
		*testbed.Engine
		node string
	}
	var sessions []session
	byNode := map[string]int{}
	for range 9 {
		e := testbed.NewEngine(t, f)
		e.Handshake(t)
		on := e.Connect(t)
		sessions = append(sessions, session{e, on})
		byNode[on]++
	}
	assert.Equal(t, map[string]int{"a": 3, "b": 3, "c": 3}, byNode)

	generation := 1
	draining := testbed.WithGeneration(testbed.CaddyWith("fallback weighted_round_robin 1 1 0"), &generation)
	running.Load(t, draining.SiteBlock(f, s))
	testbed.RequireGenerationReplaced(t, f, generation)
	assert.Equal(t, map[string]int{"a": 6, "b": 6}, newSessions(t, f))
	for _, open := range sessions {
		assert.Equal(t, open.node, open.Echo(t, "still here"))
	}
}
