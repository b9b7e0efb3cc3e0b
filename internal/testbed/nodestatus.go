package testbed

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// NodeStatus is what a node reports at /whoami.
type NodeStatus struct {
	Node    string
	Clients int // open sessions
	Waiting int // those of them whose poll waits at the node

	Preflights        int // OPTIONS requests with a session ID that it has seen
	UnknownPreflights int // those of them whose session was never here
}

// Status returns what the node reports.
func (n *Node) Status(t *testing.T) NodeStatus {
	t.Helper()
	resp, err := HTTPClient.Get("http://" + n.Addr + "/whoami")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer NodeStatus
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

// RequireSessions waits until the nodes have at least this many sessions.
func RequireSessions(t *testing.T, nodes []*Node, sessions int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("%d sessions", sessions), func() bool { return countSessions(t, nodes) >= sessions })
}

// RequireSessionsClosed waits until the nodes have at most this many sessions. They
// count a session until they have closed it.
func RequireSessionsClosed(t *testing.T, nodes []*Node, sessions int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("no more than %d sessions", sessions), func() bool { return countSessions(t, nodes) <= sessions })
}

// countSessions returns the number of sessions on the nodes.
func countSessions(t *testing.T, nodes []*Node) int {
	t.Helper()
	open := 0
	for _, n := range nodes {
		open += n.Status(t).Clients
	}
	return open
}

// RequireWaitingPolls waits until this many polls wait at the nodes.
func RequireWaitingPolls(t *testing.T, nodes []*Node, polls int) {
	t.Helper()
	RequireEventually(t, "polls that wait at the nodes", func() bool {
		waiting := 0
		for _, n := range nodes {
			waiting += n.Status(t).Waiting
		}
		return waiting == polls
	})
}

// CountExited returns how many of the nodes have ended.
func CountExited(nodes []*Node) (count int) {
	for _, n := range nodes {
		if !n.Running() {
			count++
		}
	}
	return count
}

// RequireDeadNodeAvoided waits until the endpoint sends no request to the dead
// one of this many nodes.
func RequireDeadNodeAvoided(t *testing.T, f Endpoint, nodes int) {
	t.Helper()
	RequireEventually(t, "no request is sent to the dead node", func() bool {
		for range 2 * nodes {
			resp, err := f.Get("/health")
			if err != nil || resp.StatusCode != http.StatusOK {
				return false
			}
		}
		return true
	})
}
