package e2e

import (
	"net/http"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A frozen node accepts connections and does not answer, and there is no health
// check. All clients connect to the other nodes before they lose patience. The
// frozen node keeps its sessions, and gets new ones when it continues.
func TestCaddyOpensSessionsBesideAFrozenNode(t *testing.T) {
	t.Parallel()
	s := testbed.Plain.Small()
	s.Nodes = testbed.StartKillableNodes
	nodes := s.StartNodes(t, "a", "b", "c")
	f := testbed.CaddyShorthand.Serve(t, s.SiteOf(nodes))[0]
	open := testbed.OpenSessionOn(t, f, "a")
	nodes[0].Signal(t, syscall.SIGSTOP)
	polled := make(chan testbed.Reply, 1)
	go func() { polled <- open.Do(t, http.MethodGet, "", nil) }()

	o := connectImpatiently(t, f, s)
	assertConnectedBeside(t, o, "a")
	assert.Empty(t, polled, "the poll waits for its node")

	nodes[0].Signal(t, syscall.SIGCONT)
	open.Post(t, `421["echo","still there"]`)
	reply := <-polled
	assert.Equal(t, http.StatusOK, reply.StatusCode)
	assert.Equal(t, `431[{"node":"a","payload":"still there"}]`, reply.Text)
	t.Logf("%s: the node has opened %d sessions that nobody waits for", t.Name(), nodes[0].Status(t).Clients-1)
	testbed.OpenSessionOn(t, f, "a")
}

func TestCaddyOpensSessionsOfSocketIO2BesideAFrozenNode(t *testing.T) {
	t.Parallel()
	s := testbed.SocketIO2.Small()
	s.Nodes = testbed.StartKillableNodes
	nodes := s.StartNodes(t, "a", "b", "c")
	f := testbed.CaddyShorthand.Serve(t, s.SiteOf(nodes))[0]
	nodes[0].Signal(t, syscall.SIGSTOP)
	assertConnectedBeside(t, connectImpatiently(t, f, s), "a")
}

// Without the timeout, clients wait for the frozen node until they lose patience.
func TestClientsOfAFrozenNodeTimeOutWithoutAHandshakeTimeout(t *testing.T) {
	t.Parallel()
	s := testbed.Plain.Small()
	s.Nodes = testbed.StartKillableNodes
	nodes := s.StartNodes(t, "a", "b", "c")
	f := testbed.CaddyWith("handshake_timeout off").Serve(t, s.SiteOf(nodes))[0]
	nodes[0].Signal(t, syscall.SIGSTOP)
	o := connectImpatiently(t, f, s)
	assert.Equal(t, map[string]int{"connecting: timeout": o.Clients - o.Connected}, o.ConnectErrors)
	assert.Less(t, o.Connected, o.Clients)
}

// connectImpatiently runs clients over all transports that wait as long as stock
// clients do until they are connected, and do not reconnect.
func connectImpatiently(t *testing.T, f testbed.Endpoint, s testbed.Variant) testbed.Result {
	t.Helper()
	s.Clients = 30
	clients := s.ClientsInTurn(f, testbed.Transports...)
	clients.ConnectTimeout = 20_000
	return clients.Run(t)
}

// assertConnectedBeside checks that all clients have connected, and none to this
// node.
func assertConnectedBeside(t *testing.T, o testbed.Result, node string) {
	t.Helper()
	o.AssertHeld(t)
	assert.Empty(t, o.ConnectErrors)
	assert.NotContains(t, o.PerNode, node)
	slices.Sort(o.ConnectedAfter)
	t.Logf("%s: %d clients connected, half of them after %d ms, the last after %d ms", t.Name(), o.Connected,
		o.ConnectedAfter[len(o.ConnectedAfter)/2], o.ConnectedAfter[len(o.ConnectedAfter)-1])
}
