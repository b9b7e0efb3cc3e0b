package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// As docs/caddy.md says, a fallback that gives a node no weight drains it: it gets
// no new sessions, and keeps those that it has.
func TestCaddyDrainsANodeWithoutWeight(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	s := site{upstreams: addresses(nodes)}
	fronts, block := caddyWith("fallback weighted_round_robin 1 1 1").sites(t, s)
	f := fronts[0]
	running := startCaddy(t, block, f)

	type session struct {
		*engine
		node string
	}
	var sessions []session
	byNode := map[string]int{}
	for range 9 {
		e := newEngine(t, f)
		e.handshake(t)
		on := e.connect(t)
		sessions = append(sessions, session{e, on})
		byNode[on]++
	}
	assert.Equal(t, map[string]int{"a": 3, "b": 3, "c": 3}, byNode)

	generation := 1
	draining := changing(caddyWith("fallback weighted_round_robin 1 1 0"), &generation)
	running.load(t, draining.block(f, s))
	requireTakenOver(t, f, generation)
	assert.Equal(t, map[string]int{"a": 6, "b": 6}, newSessions(t, f))
	for _, open := range sessions {
		assert.Equal(t, open.node, open.echo(t, "still here"))
	}
}
