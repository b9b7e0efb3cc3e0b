package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyOpensSessionsBesideADeadNode(t *testing.T) {
	t.Parallel()
	testSessionsOpenBesideDeadNode(t, testbed.CaddyShorthand)
}

// testSessionsOpenBesideDeadNode has one of the upstreams refuse connections.
// Every client gets a session on the others.
func testSessionsOpenBesideDeadNode(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b"})
	f := h.Serve(t, testbed.Site{Upstreams: append([]string{testbed.FreeAddress(t)}, testbed.Addresses(nodes)...)})[0]

	perNode := map[string]int{}
	for range 60 {
		e := testbed.NewEngine(t, f)
		e.HandshakeBound(t)
		node := e.Connect(t)
		assert.Equal(t, node, e.Echo(t, "still there"))
		perNode[node]++
	}
	t.Logf("%s: 60 sessions, nodes %v", t.Name(), perNode)
	assert.Len(t, perNode, len(nodes))
}

func TestTraefikOpensSessionsBesideADeadNodeWithRetry(t *testing.T) {
	t.Parallel()
	for _, chain := range [][]string{{testbed.RetryMiddleware, testbed.PluginMiddleware}, {testbed.PluginMiddleware, testbed.RetryMiddleware}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			testSessionsOpenBesideDeadNode(t, testbed.Traefik{Chain: chain})
		})
	}
}

// Traefik returns to the main service as soon as it is up, whatever cookie a
// request has.
func TestTraefikLosesSessionsOfAFailoverServiceWhenTheMainOneReturns(t *testing.T) {
	t.Parallel()
	main := testbed.StartKillableNodes(t, []string{"a"}, "--trace")
	fallback := testbed.StartNodes(t, []string{"b"}, "--trace")
	h := testbed.TraefikPlugin
	h.HealthCheck = true
	h.Change = func(http object) {
		services := http["services"].(object)
		services["main"] = services["site0"]
		services["fallback"] = object{"loadBalancer": h.Balancer(testbed.Addresses(fallback))}
		services["site0"] = object{"failover": object{"service": "main", "fallback": "fallback", "healthCheck": object{}}}
	}
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(main)})[0]

	first := testbed.OpenSessionOn(t, f, "a")
	assert.Equal(t, "a", first.Echo(t, "while the main service is up"))
	main[0].Kill()
	second := eventuallyOpenSessionOn(t, f, "b")
	assert.Equal(t, "b", second.Echo(t, "while it is down"))
	lost := first.Do(t, http.MethodGet, "", nil)
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)

	testbed.StartNodesAt(t, []string{main[0].Addr}, []string{"a"}, "--trace")
	third := eventuallyOpenSessionOn(t, f, "a")
	assert.Equal(t, "a", third.Echo(t, "when it is up again"))
	lost = second.Do(t, http.MethodGet, "", nil)
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
	assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, lost.Text)
	assert.Empty(t, lost.Header.Values("Set-Cookie"))
}

// eventuallyOpenSessionOn is testbed.OpenSessionOn for a node in whose place
// another one may answer at first.
func eventuallyOpenSessionOn(t *testing.T, f testbed.Endpoint, name string) *testbed.Engine {
	t.Helper()
	testbed.RequireEventually(t, "a session on node "+name, func() bool {
		r := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", nil)
		return r.StatusCode == http.StatusOK && r.Header.Get("X-Node") == name
	})
	return testbed.OpenSessionOn(t, f, name)
}
