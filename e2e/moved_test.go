package e2e

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// runningCrowds are crowds that are measured as one.
type runningCrowds []*runningCrowd

// startTalking starts a crowd of one size over each of the transports. They
// talk, and connect anew when they lose their sessions.
func startTalking(t *testing.T, f front, each int, transports ...[]string) runningCrowds {
	t.Helper()
	crowds := make(runningCrowds, len(transports))
	for i, transport := range transports {
		crowds[i] = crowd{
			URL: f.url, Clients: each, Transports: transport, Messages: 2, MaxBytes: 2000,
			Hold: "talk", Pause: 3000, Reconnect: true,
		}.start(t)
	}
	for _, r := range crowds {
		r.requireReady(t)
	}
	return crowds
}

func (rs runningCrowds) clients() int {
	sum := 0
	for _, r := range rs {
		sum += r.crowd.Clients
	}
	return sum
}

// finish tells the crowds to come to their end, and returns what they have
// measured together.
func (rs runningCrowds) finish(t *testing.T) outcome {
	t.Helper()
	var all outcome
	for _, r := range rs {
		all = all.and(r.finish(t))
	}
	return all
}

// finishHeld is finish for crowds of which nobody may have lost a session.
func (rs runningCrowds) finishHeld(t *testing.T) outcome {
	t.Helper()
	var all outcome
	for _, r := range rs {
		o := r.finish(t)
		o.assertHeld(t)
		all = all.and(o)
	}
	return all
}

// and returns what two crowds have measured together, as far as it is asked of
// those that lose sessions.
func (o outcome) and(other outcome) outcome {
	return outcome{
		Clients:       o.Clients + other.Clients,
		Connected:     o.Connected + other.Connected,
		Answers:       o.Answers + other.Answers,
		WrongNode:     o.WrongNode + other.WrongNode,
		Mismatched:    o.Mismatched + other.Mismatched,
		IDMismatch:    o.IDMismatch + other.IDMismatch,
		Disconnects:   o.Disconnects + other.Disconnects,
		Ungreeted:     o.Ungreeted + other.Ungreeted,
		ErrorCount:    o.ErrorCount + other.ErrorCount,
		Errors:        slices.Concat(o.Errors, other.Errors),
		PerNode:       sums(o.PerNode, other.PerNode),
		Lost:          sums(o.Lost, other.Lost),
		ConnectErrors: sums(o.ConnectErrors, other.ConnectErrors),
		Reopened:      sums(o.Reopened, other.Reopened),
		ReopenedAfter: slices.Concat(o.ReopenedAfter, other.ReopenedAfter),
		LastReopened:  max(o.LastReopened, other.LastReopened),
	}
}

func sums(left, right map[string]int) map[string]int {
	both := map[string]int{}
	maps.Copy(both, left)
	for key, count := range right {
		both[key] += count
	}
	return both
}

// assertMoved checks that the sessions of these nodes were lost and nobody
// else's, and that each of them was opened anew by a client to which nobody ever
// said that it could not connect.
func (o outcome) assertMoved(t *testing.T, names ...string) {
	t.Helper()
	assert.Equal(t, o.Clients, o.Connected, "clients that a node greeted")
	moved, all := map[string]int{}, 0
	for _, name := range names {
		assert.Positive(t, o.PerNode[name], "clients of node %s, of %v", name, o.PerNode)
		moved[name] = o.PerNode[name]
		all += moved[name]
	}
	assert.Equal(t, moved, o.Lost, "sessions lost, by node")
	assert.Empty(t, o.ConnectErrors, "connect errors")
	assert.Zero(t, o.Ungreeted, "sessions lost before a node greeted")
	assert.Len(t, o.ReopenedAfter, all, "sessions opened anew, %v", o.Reopened)
	o.assertRight(t)
}

// finishWithoutA ends two crowds from under which node a was taken away: those
// who poll, and listen, had to leave it, and those on its sockets stayed.
func finishWithoutA(t *testing.T, listening, talking *runningCrowd) {
	t.Helper()
	o := listening.finish(t)
	o.assertMoved(t, "a")
	assert.NotContains(t, o.Reopened, "a")
	o.logReturns(t)
	o = talking.finish(t)
	o.assertHeld(t)
	assert.Positive(t, o.PerNode["a"], "sockets of the removed node, of %v", o.PerNode)
}

// logReturns says how long it took the clients to come back, beside what
// Socket.IO makes them wait: a reconnectionDelay of 1000 ms, by up to half of
// it more or less (randomizationFactor).
func (o outcome) logReturns(t *testing.T) {
	t.Helper()
	after := slices.Sorted(slices.Values(o.ReopenedAfter))
	if len(after) > 0 {
		t.Logf("%s: %d of %d clients lost their sessions, %v, and came back %d, %d and %d ms later (the first, half, all), of which "+
			"Socket.IO waits 500 to 1500 ms; connect errors %v; now on %v",
			t.Name(), len(after), o.Connected, o.Lost, after[0], after[len(after)/2], after[len(after)-1], o.ConnectErrors, o.Reopened)
	}
}

// logReturnsSince also says how long it took all of them since it began.
func (o outcome) logReturnsSince(t *testing.T, began time.Time) {
	t.Helper()
	o.logReturns(t)
	t.Logf("%s: the last came back %d ms after it began", t.Name(), time.UnixMilli(o.LastReopened).Sub(began).Milliseconds())
}

// requireSessions waits until nodes have as many sessions at least.
func requireSessions(t *testing.T, nodes []*node, sessions int) {
	t.Helper()
	requireSoon(t, fmt.Sprintf("%d sessions", sessions), func() bool {
		open := 0
		for _, n := range nodes {
			open += n.whoami(t).Clients
		}
		return open >= sessions
	})
}
