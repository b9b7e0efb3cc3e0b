package e2e

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCaddyMovesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	testANodeFreezes(t, caddyWith("health_uri /health", "health_interval 200ms", "health_timeout 4s").expecting(badGateway))
}

func TestTraefikMovesOnlyTheSessionsOfAFrozenNode(t *testing.T) {
	testANodeFreezes(t, traefik{chain: []string{retry, plugin}, healthCheck: true})
}

// testANodeFreezes stops a node, which then takes connections and says nothing
// on them, and has it go on when all of its sessions are elsewhere. The health
// check finds out in half the time after which clients do.
func testANodeFreezes(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--ping-interval", "1000", "--ping-timeout", "10000")
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	talking := startTalking(t, f, 20, transports...)

	frozen := time.Now()
	nodes[0].signal(t, syscall.SIGSTOP)
	requireSessions(t, nodes[1:], talking.clients())
	nodes[0].signal(t, syscall.SIGCONT)
	openedOn(t, f, "a")

	o := talking.finish(t)
	o.assertMoved(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.logReturnsSince(t, frozen)
}

func (p *process) signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(signal))
}
