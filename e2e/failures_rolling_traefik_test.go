package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// With the file provider, a server whose weight is far below that of the others
// gets no new sessions, and keeps its own. The weight of all others is the same.
func TestTraefikLosesOnlySessionsThatOutlastARollingDeployByWeights(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	h := testbed.Traefik{Chain: []string{testbed.GenerationMiddleware, testbed.RetryMiddleware, testbed.PluginMiddleware}}
	running := h.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	f := running.Endpoints[0]
	load := func(weights map[string]int) {
		h.Generation++
		h.Change = func(http testbed.Object) { setWeights(http, weights) }
		running.Load(t, h)
		testbed.RequireGenerationReplaced(t, f, h.Generation)
	}
	testRollingDeploy(t, f, nodes, 30,
		func(draining *testbed.Node) {
			weights := map[string]int{}
			for _, n := range nodes {
				weights[n.Addr] = 10_000
			}
			weights[draining.Addr] = 1
			load(weights)
		},
		func(*testbed.Node) { load(nil) })
}

// setWeights sets the weights of servers in a dynamic configuration, by address.
func setWeights(http testbed.Object, weights map[string]int) {
	for _, service := range http["services"].(testbed.Object) {
		for _, server := range service.(testbed.Object)["loadBalancer"].(testbed.Object)["servers"].([]testbed.Object) {
			if weight, set := weights[strings.TrimPrefix(server["url"].(string), "http://")]; set {
				server["weight"] = weight
			}
		}
	}
}

// The load balancer counts from the beginning in each new configuration: the server
// is next when the others have got as many sessions as their weight.
func TestTraefikDrainsAServerByWeights(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	h := testbed.Traefik{Chain: []string{testbed.GenerationMiddleware, testbed.PluginMiddleware}}
	running := h.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	h.Generation++
	h.Change = func(http testbed.Object) {
		setWeights(http, map[string]int{nodes[0].Addr: 200, nodes[1].Addr: 200, nodes[2].Addr: 1})
	}
	running.Load(t, h)
	testbed.RequireGenerationReplaced(t, running.Endpoints[0], h.Generation) // takes 20 requests of the 400
	assert.NotContains(t, testbed.OpenSessions(t, running.Endpoints[0], 300), "c")
}

// What seems to drain a server on Traefik and does not: its weight is 0, or it
// fails its health check on purpose.
func TestTraefikLosesSessionsOfAServerWithoutWeightOrHealth(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b"})
	h := testbed.TraefikPlugin
	h.HealthCheck = true
	running := h.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	f := running.Endpoints[0]
	requireLost := func(e *testbed.Engine) {
		testbed.RequireEventually(t, "the session is lost", func() bool {
			return e.Do(t, http.MethodPost, `42["nobody listens"]`, nil).StatusCode == http.StatusBadRequest
		})
	}

	e := testbed.OpenSessionOn(t, f, "b")
	h.Change = func(http testbed.Object) { setWeights(http, map[string]int{nodes[1].Addr: 0}) }
	running.Load(t, h)
	requireLost(e)
	h.Change = nil
	running.Load(t, h)

	e = testbed.OpenSessionOn(t, f, "b")
	resp, err := testbed.HTTPClient.Post("http://"+nodes[1].Addr+"/unhealthy", "text/plain", http.NoBody)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	requireLost(e)
}

// In Kubernetes, a pod that is terminating gets no new sessions, and keeps its own.
// Traefik reads the resources of examples/traefik/kubernetes.yml, and the pods that
// it has, from an API server of the test's own.
func TestTraefikLosesOnlySessionsThatOutlastARollingDeployInKubernetes(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(testbed.FreeAddress(t))
	require.NoError(t, err)
	var addrs []string
	for i := range 3 {
		addrs = append(addrs, fmt.Sprintf("127.0.0.%d:%s", 31+i, port))
	}
	nodes := testbed.StartNodesAt(t, addrs, []string{"a", "b", "c"})
	kubernetes := testbed.StartKubernetes(t)
	kubernetes.Apply(t, resourcesOfTraefik(t)...)
	kubernetes.Apply(t, testbed.EndpointSlice(t, "chat", nodes))

	f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t), TagPattern: testbed.TraefikPlugin.Tag()}
	home := testbed.TraefikHome(t)
	static := traefikconfig.Static(map[string]string{"web": f.Address()}, home, testbed.AffinityPlugin())
	static["log"] = object{"level": "DEBUG", "format": "json"}
	static["providers"] = object{"kubernetesCRD": object{"endpoint": kubernetes.URL, "token": "sesame"}}
	path := filepath.Join(home, "static.yml")
	require.NoError(t, traefikconfig.Write(path, static))
	r := &testbed.RunningTraefik{Process: testbed.StartTraefik(t, home, path)}
	r.RequireRoutes(t, f, "/health")

	testRollingDeploy(t, f, nodes, 30,
		func(n *testbed.Node) {
			kubernetes.Apply(t, testbed.EndpointSlice(t, "chat", nodes, n))
			requireNoNewSessionOn(t, f, n.Name, 3*len(nodes))
		},
		func(*testbed.Node) { kubernetes.Apply(t, testbed.EndpointSlice(t, "chat", nodes)) })
}

// resourcesOfTraefik returns the resources of examples/traefik/kubernetes.yml that
// Traefik reads, without those of the canary, for any host.
func resourcesOfTraefik(t *testing.T) []object {
	t.Helper()
	content := replaced(t, readExample(t, "traefik/kubernetes.yml"), "Host(`chat.example.com`) && PathPrefix(`/socket.io/`)", "PathPrefix(`/`)")
	decoder := yaml.NewDecoder(strings.NewReader(content))
	var all []object
	for {
		var resource object
		err := decoder.Decode(&resource)
		if errors.Is(err, io.EOF) {
			assert.NotEmpty(t, all)
			return all
		}
		require.NoError(t, err)
		name := resource["metadata"].(object)["name"].(string)
		reads := strings.HasPrefix(resource["apiVersion"].(string), "traefik.io/") || resource["kind"] == "Service"
		if reads && !strings.HasPrefix(name, "canary") {
			all = append(all, resource)
		}
	}
}
