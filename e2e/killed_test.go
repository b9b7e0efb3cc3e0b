package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestCaddyMovesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	testANodeIsKilled(t, caddyShorthand.expecting(badGateway), http.StatusBadRequest)
}

// Its health check has the interval of the README's example, and comes too late
// for clients that connect anew: retry has to find them another node.
func TestTraefikMovesOnlyTheSessionsOfAKilledNode(t *testing.T) {
	h := traefik{chain: []string{retry, plugin}, healthCheck: true, checkInterval: "5s"}
	testANodeIsKilled(t, h, http.StatusBadGateway)
}

// testANodeIsKilled kills one of three nodes under three hundred sessions. The
// host is to answer the requests of its sessions with a status, but for those
// that it sent to the node: they get 502.
func testANodeIsKilled(t *testing.T, h host, status int) {
	t.Helper()
	nodes := startMortals(t, []string{"a", "b", "c"})
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	talking := startTalking(t, f, 100, transports...)
	bound := openedOn(t, f, "a")

	killed := time.Now()
	nodes[0].stop()
	requireSoon(t, "a poll of a session of the dead node is answered", func() bool {
		answer := bound.do(t, http.MethodGet, "", nil).StatusCode
		assert.Contains(t, []int{status, http.StatusBadGateway}, answer)
		return answer == status
	})
	requireSessions(t, nodes[1:], talking.clients())

	o := talking.finish(t)
	o.assertMoved(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.logReturnsSince(t, killed)
}

// Of sockets alone, nobody but who comes back finds out that a node is dead, and
// one without requests looks best: the first to come meet both of the dead.
func TestCaddyMovesTheSessionsOfTwoKilledNodes(t *testing.T) {
	nodes := startMortals(t, []string{"a", "b", "c"})
	f := caddyShorthand.expecting(badGateway).serve(t, site{upstreams: addresses(nodes)})[0]
	talking := startTalking(t, f, 60, []string{"websocket"})

	killed := time.Now()
	nodes[0].stop()
	nodes[1].stop()
	requireSessions(t, nodes[2:], talking.clients())

	o := talking.finish(t)
	o.assertMoved(t, "a", "b")
	o.logReturnsSince(t, killed)
}

func TestCaddyBringsARestartedNodeBack(t *testing.T) {
	testANodeIsRestarted(t, caddyShorthand.expecting(badGateway))
}

func TestTraefikBringsARestartedNodeBack(t *testing.T) {
	testANodeIsRestarted(t, traefik{chain: []string{retry, plugin}, healthCheck: true})
}

// testANodeIsRestarted kills a node and starts it again where it was.
func testANodeIsRestarted(t *testing.T, h host) {
	t.Helper()
	nodes := startMortals(t, []string{"a", "b", "c"})
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	talking := startTalking(t, f, 30, transports...)

	killed := time.Now()
	nodes[0].stop()
	nodes[0] = startNodesAt(t, []string{nodes[0].addr}, []string{"a"})[0]
	requireSessions(t, nodes, talking.clients())
	openedOn(t, f, "a")

	o := talking.finish(t)
	o.assertMoved(t, "a")
	o.logReturnsSince(t, killed)
}
