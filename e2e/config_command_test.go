package e2e

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/core"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// listUpstreams returns the state of all upstreams, as "caddy affinity" prints it.
func listUpstreams(t *testing.T, running *testbed.RunningCaddy) map[string]adminapi.Upstream {
	t.Helper()
	output, status := running.RunAffinity(t, "--json")
	require.Zero(t, status, output)
	var list []adminapi.Upstream
	require.NoError(t, json.Unmarshal([]byte(output), &list), output)
	byAddress := map[string]adminapi.Upstream{}
	for _, upstream := range list {
		byAddress[upstream.Address] = upstream
	}
	return byAddress
}

// requireOpenOnEach waits until each node has this much open.
func requireOpenOnEach(t *testing.T, running *testbed.RunningCaddy, nodes []*testbed.Node, polls, webSockets int64) {
	t.Helper()
	testbed.RequireEventually(t, "what is open on each node", func() bool {
		upstreams := listUpstreams(t, running)
		return !slices.ContainsFunc(nodes, func(n *testbed.Node) bool {
			return upstreams[n.Addr].OpenPolls != polls || upstreams[n.Addr].OpenWebSockets != webSockets
		})
	})
}

// The commands of docs/operations.md print what it says. Its nodes have names of as
// many characters as the addresses here, so that its tables are aligned.
func TestCommandPrintsWhatTheDocsSay(t *testing.T) {
	t.Parallel()
	p := readPrinted(t, "docs/operations.md")
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	slices.SortFunc(nodes, func(a, b *testbed.Node) int { return cmp.Compare(a.Addr, b.Addr) })
	documented := []string{"chat-node1:3000", "chat-node2:3000", "chat-node3:3000"}
	tagger := core.NewTagger("")
	names := []string{"site      127.0.0.1 ", "site      chat.example.com "}
	for i, n := range nodes {
		require.Len(t, n.Addr, len(documented[i]))
		names = append(names, n.Addr, documented[i], tagger.Tag(n.Addr), tagger.Tag(documented[i]))
	}
	p.name(names...)

	endpoints, block := testbed.CaddyShorthand.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	f := endpoints[0]
	running := testbed.StartCaddy(t, block, f)
	run := func(args ...string) {
		t.Helper()
		output, status := running.RunAffinity(t, args...)
		assert.Zero(t, status, output)
		p.check(t, output, "caddy affinity", args...)
	}

	clients := map[string]*testbed.RunningClients{}
	for _, transport := range []string{"websocket", "polling"} {
		clients[transport] = testbed.Clients{URL: f.URL, Count: len(nodes), Transports: []string{transport}, Mode: testbed.Commands}.Start(t)
		clients[transport].RequireReady(t)
	}
	requireOpenOnEach(t, running, nodes, 1, 1)
	run()
	run("drain", nodes[0].Addr)
	run()

	args := []string{"drain", nodes[0].Addr, "--wait", "--timeout", "2s"}
	output, status := running.RunAffinity(t, args...)
	assert.Equal(t, 1, status)
	p.check(t, output, "caddy affinity", args...)

	drain := running.StartAffinity(t, "drain", nodes[0].Addr, "--wait")
	assert.Equal(t, nodes[0].Addr+" is draining: 1 poll and 1 WebSocket open", drain.Line(t))
	clients["websocket"].Finish(t)
	assert.Equal(t, nodes[0].Addr+" is draining: 1 poll open", drain.Line(t))
	clients["polling"].Finish(t)
	assert.Zero(t, drain.ExitStatus(t))
	p.check(t, drain.Output.String(), "caddy affinity", "drain", nodes[0].Addr, "--wait")
	run("undrain", nodes[0].Addr)

	session := testbed.OpenSessionOn(t, f, nodes[1].Name)
	const documentedSID = "lv_6V8XwNPqjUjtLAAAB"
	p.name(append(names, session.NodeSID(), documentedSID)...)
	run("explain", session.SID)
	run("explain", "https://chat.example.com/socket.io/?EIO=4&transport=polling&sid="+core.Bind(core.NewTagger("another secret").Tag("chat-node2:3000"), documentedSID))

	args = []string{"explain", "--traefik", "http://10.0.0.1:3000,http://10.0.0.2:3000", testbed.StickyValueOf("10.0.0.2:3000") + "." + documentedSID}
	output, status = testbed.RunAffinity(t, args...)
	assert.Zero(t, status)
	p.check(t, output, "caddy affinity", args...)
	p.finish(t)
}

func TestInterruptedDrainLeavesTheUpstreamDraining(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b"})
	endpoints, block := testbed.CaddyShorthand.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	running := testbed.StartCaddy(t, block, endpoints...)
	clients := testbed.Clients{URL: endpoints[0].URL, Count: 2, Transports: []string{"websocket"}, Mode: testbed.Commands}.Start(t)
	clients.RequireReady(t)
	drain := running.StartAffinity(t, "drain", nodes[0].Addr, "--wait")
	assert.Contains(t, drain.Line(t), "1 WebSocket open")
	drain.Signal(t, syscall.SIGINT)
	assert.Equal(t, 1, drain.ExitStatus(t))
	assert.Contains(t, drain.Output.String(), "Error: interrupted: "+nodes[0].Addr+" (1 WebSocket open). The drain goes on")
	assert.True(t, listUpstreams(t, running)[nodes[0].Addr].Draining)
	clients.Finish(t)
}

func TestCommandNamesTheUpstreamsThatThereAre(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"})
	c := testbed.CaddyShorthand.ExpectingErrors("request error")
	endpoints, block := c.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	running := c.Start(t, block, endpoints...)
	output, status := running.RunAffinity(t, "drain", "node1:3000")
	assert.Equal(t, 1, status)
	assert.Equal(t, `Error: the admin API of Caddy replied: upstream "node1:3000": no affinity policy has an upstream with this address; there are: `+nodes[0].Addr+"\n", output)
}

func TestExplainSaysWhyASessionIsLost(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b"}, "--allow-eio3", "--trace")
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	c := testbed.CaddyWith("health_uri /health", "health_interval 100ms", "secret new old").ExpectingErrors(testbed.BadGateway)
	endpoints, block := c.Sites(t, s)
	f := endpoints[0]
	running := c.Start(t, block, f)
	explain := func(session string, wants ...string) {
		t.Helper()
		output, status := running.RunAffinity(t, "explain", session)
		assert.Zero(t, status)
		for _, want := range wants {
			assert.Contains(t, output, want)
		}
	}
	url := func(e *testbed.Engine) string {
		return f.URL + "/socket.io/?EIO=" + cmp.Or(e.Version, "4") + "&transport=polling&sid=" + e.SID
	}

	tagged := testbed.OpenSessionOn(t, f, "b")
	explain(url(tagged), "reason    tag\n", nodes[1].Addr+", healthy\n", "next      It goes to "+nodes[1].Addr)
	old := core.Bind(core.NewTagger("old").Tag(nodes[1].Addr), tagged.NodeSID())
	explain(old, "of the accepted secret 1", "reason    tag\n")

	var learned *testbed.Engine
	testbed.RequireEventually(t, "a learned session on node b", func() bool {
		learned = testbed.NewEngine(t, f)
		learned.Version = "3"
		return learned.Handshake(t).Header.Get("X-Node") == "b"
	})
	explain(url(learned), "reason    learned\n", nodes[1].Addr)
	explain(learned.SID, "reason    learned\n")
	explain(learned.SID+"x", "reason    unknown_session\n")

	nodes[1].Kill()
	testbed.RequireEventually(t, "node b is unhealthy", func() bool { return !listUpstreams(t, running)[nodes[1].Addr].Healthy })
	explain(url(tagged), "reason    upstream_unhealthy\n", nodes[1].Addr+", unhealthy", "the client reconnects")
	assert.Equal(t, http.StatusBadRequest, tagged.Do(t, http.MethodGet, "", nil).StatusCode)
	testbed.RequireEventually(t, "a warning", func() bool {
		return strings.Contains(running.Output.String(), "the upstream of a Socket.IO session is unhealthy or could not be dialed")
	})

	running.Load(t, c.SiteBlock(f, testbed.Site{Upstreams: []string{nodes[0].Addr}}))
	explain(url(tagged), "reason    upstream_gone\n", "was removed")
}

// The tag in a session ID of Traefik is the hash of a server's URL, and of the name
// of a child service.
func TestExplainReadsSessionsOfTraefik(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		nested bool
	}{{"one level", false}, {"two levels", true}} {
		t.Run(tc.name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
			h := testbed.Traefik{Chain: testbed.TraefikPlugin.Chain, Nested: tc.nested}
			f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			given := []string{"site0-left", "site0-right"}
			for _, n := range nodes {
				given = append(given, "http://"+n.Addr)
			}
			for range 3 {
				e := testbed.NewEngine(t, f)
				on := e.HandshakeBound(t).Header.Get("X-Node")
				output, status := testbed.RunAffinity(t, "explain", e.SID, "--traefik", strings.Join(given, ","))
				assert.Zero(t, status)
				i := slices.IndexFunc(nodes, func(n *testbed.Node) bool { return n.Name == on })
				assert.Contains(t, output, ", of http://"+nodes[i].Addr+"\n")
				assert.Contains(t, output, "session   "+e.NodeSID()+" ")
				assert.Equal(t, tc.nested, strings.Contains(output, ", of site0-"), output)
				assert.NotContains(t, output, "of none of")
			}
		})
	}
}
