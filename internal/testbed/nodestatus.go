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
	Active  int // clients of a stock node that are connected and have sent a message

	Preflights        int // OPTIONS requests with a session ID that it has seen
	UnknownPreflights int // those of them whose session was never here

	UnknownSessions int // requests to which it replied "Session ID unknown"; Socket.IO 4 only
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

// RequireActive waits until at least this many clients are connected to stock nodes
// and have sent a message. A node has a session before its client knows, and the
// client sends nothing before it does: these clients may be told to finish.
func RequireActive(t *testing.T, nodes []*Node, clients int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("%d clients that have sent a message", clients), func() bool {
		return sumStatus(t, nodes, func(s NodeStatus) int { return s.Active }) >= clients
	})
}

// RequireSessionsClosed waits until the nodes have at most this many sessions. They
// count a session until they have closed it.
func RequireSessionsClosed(t *testing.T, nodes []*Node, sessions int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("no more than %d sessions", sessions), func() bool {
		return sumStatus(t, nodes, func(s NodeStatus) int { return s.Clients }) <= sessions
	})
}

// sumStatus returns the sum of a number in the status of each node.
func sumStatus(t *testing.T, nodes []*Node, of func(NodeStatus) int) (sum int) {
	t.Helper()
	for _, n := range nodes {
		sum += of(n.Status(t))
	}
	return sum
}

// RequireWaitingPolls waits until this many polls wait at the nodes.
func RequireWaitingPolls(t *testing.T, nodes []*Node, polls int) {
	t.Helper()
	RequireEventually(t, "polls that wait at the nodes", func() bool {
		return sumStatus(t, nodes, func(s NodeStatus) int { return s.Waiting }) == polls
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
