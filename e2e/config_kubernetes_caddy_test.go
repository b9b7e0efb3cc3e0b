package e2e

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// Kubernetes itself is not to be had here. What its DNS says of the two services
// of examples/caddy/kubernetes.yml, the test's name server says, while a pod
// terminates as there: first it is no longer ready, then it gets SIGTERM, and it
// has an address until it is gone. The Caddyfile is that of the ConfigMap, and the
// nodes are those of examples/node.
func TestCaddyDrainsTerminatingPods(t *testing.T) {
	t.Parallel()
	_, port, err := net.SplitHostPort(testbed.FreeAddress(t))
	require.NoError(t, err)
	redis := testbed.StartRedis(t)
	start := func(name string, at, drainSeconds int) *testbed.Node {
		return startExampleNode(t, name, fmt.Sprintf("127.0.0.%d:%s", at, port), redis, drainSeconds)
	}
	a, b, c := start("a", 21, 600), start("b", 22, 0), start("c", 23, 600)
	names := testbed.StartNameServer(t, []*testbed.Node{a, b, c})
	f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
	startCaddyOfKubernetes(t, f, names, port)

	first := startBroadcasters(t, f)
	d := start("d", 24, 600)
	names.SetReadyNodes([]*testbed.Node{a, b, c, d}, []*testbed.Node{b, c, d})
	requireNoNewSessionOn(t, f, "a", 12)
	a.Signal(t, syscall.SIGTERM)
	second := startBroadcasters(t, f)
	requireBroadcastsReachAll(t, slices.Concat(first, second))
	assert.True(t, a.Running(), "node a waits for its sessions")
	held := first.FinishHeld(t)
	assert.Positive(t, held.PerNode["a"], "sessions of the terminating pod, of %v", held.PerNode)
	a.RequireExited(t)
	names.SetReadyNodes([]*testbed.Node{b, c, d}, []*testbed.Node{b, c, d})

	names.SetReadyNodes([]*testbed.Node{b, c, d}, []*testbed.Node{c, d})
	requireNoNewSessionOn(t, f, "b", 12)
	b.Signal(t, syscall.SIGTERM) // its deadline is over at once
	b.RequireExited(t)
	names.SetReadyNodes([]*testbed.Node{c, d}, []*testbed.Node{c, d})
	testbed.RequireEventually(t, "the clients of node b have reconnected", func() bool {
		o := second.Do(t, "count")
		return o.Disconnects > 0 && len(o.ReopenedAfter) == o.PerNode["b"]
	})
	requireBroadcastsReachAll(t, second)
	forced := second.Finish(t)
	forced.AssertOnlyLostOn(t, "b")
	assert.NotContains(t, forced.PerNode, "a", "new sessions on the terminating pod")
	assert.NotContains(t, forced.Reopened, "b")
	forced.LogReconnects(t)
}

// startCaddyOfKubernetes runs the Caddyfile of examples/caddy/kubernetes.yml with a
// name server and a port of the nodes that are to be had here.
func startCaddyOfKubernetes(t *testing.T, f testbed.Endpoint, names *testbed.NameServer, port string) {
	t.Helper()
	admin := testbed.FreeAddress(t)
	caddyfile := configMapOf(t, "caddy/kubernetes.yml", "chat-caddy")["Caddyfile"]
	caddyfile = strings.Replace(caddyfile, "{\n", "{\n\tadmin "+admin+"\n\tdefault_bind 127.0.0.1\n", 1)
	caddyfile = replaced(t, caddyfile, ":80 {", f.URL+" {")
	caddyfile = replaced(t, caddyfile, "{env.AFFINITY_SECRET}", "sesame")
	caddyfile = replaced(t, caddyfile, "{env.CHAT}", testbed.ReadyNodesName)
	caddyfile = replaced(t, caddyfile, "{env.CHAT_ALL}", testbed.NodesName)
	const source = "port 3000\n\t\t\trefresh 2s\n"
	require.Equal(t, 2, strings.Count(caddyfile, source))
	caddyfile = strings.ReplaceAll(caddyfile, source, "port "+port+"\nrefresh 100ms\nresolvers "+names.Addr+"\nversions ipv4\n")
	testbed.StartCaddyfile(t, admin, caddyfile, f)
}

// configMapOf returns the data of a ConfigMap in an example.
func configMapOf(t *testing.T, path, name string) map[string]string {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(readExample(t, path)))
	for {
		var resource struct {
			Kind     string
			Metadata struct{ Name string }
			Data     map[string]string
		}
		err := decoder.Decode(&resource)
		if errors.Is(err, io.EOF) {
			require.Fail(t, "no such ConfigMap", name)
		}
		require.NoError(t, err)
		if resource.Kind == "ConfigMap" && resource.Metadata.Name == name {
			return resource.Data
		}
	}
}

// startBroadcasters starts clients over each transport that do what the nodes of
// examples/node know: they have their node send news to all clients.
func startBroadcasters(t *testing.T, f testbed.Endpoint) testbed.ClientGroups {
	t.Helper()
	return testbed.StartClients(t, testbed.Clients{
		URL: f.URL, Count: 18, TransportsInTurn: [][]string{{"polling"}, {"websocket"}}, Mode: testbed.Commands, Reconnect: true,
	})
}

// requireBroadcastsReachAll has all clients broadcast, and waits until the news
// have reached all of them, through the adapter.
func requireBroadcastsReachAll(t *testing.T, clients testbed.ClientGroups) {
	t.Helper()
	want := clients.Do(t, "count").News + clients.Count()*clients.Count()
	clients.Do(t, "broadcast")
	testbed.RequireEventually(t, "the news have arrived", func() bool { return clients.Do(t, "count").News >= want })
}

// requireNoNewSessionOn waits until so many sessions in a row are opened on other
// nodes.
func requireNoNewSessionOn(t *testing.T, f testbed.Endpoint, name string, sessions int) {
	t.Helper()
	testbed.RequireEventually(t, "no new session on node "+name, func() bool {
		for range sessions {
			e := testbed.NewEngine(t, f)
			e.Handshake(t)
			on := e.Connect(t)
			e.Post(t, "1")
			if on == name {
				return false
			}
		}
		return true
	})
}
