package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyOpensSessionsBesideADeadNode(t *testing.T) {
	testSessionsOpenBesideADeadNode(t, caddyShorthand)
}

// testSessionsOpenBesideADeadNode has one of the upstreams refuse connections.
// Nobody who connects may notice.
func testSessionsOpenBesideADeadNode(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b"})
	f := h.serve(t, site{upstreams: append([]string{freeAddress(t)}, addresses(nodes)...)})[0]

	perNode := map[string]int{}
	for range 60 {
		e := newEngine(t, f)
		e.handshakeReply(t)
		greeter := e.connect(t)
		assert.Equal(t, greeter, e.echo(t, "still there"))
		perNode[greeter]++
	}
	t.Logf("%s: 60 sessions, nodes %v", t.Name(), perNode)
	assert.Len(t, perNode, len(nodes))
}
