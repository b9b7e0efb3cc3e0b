package testbed

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Result is the result of clients.js, where its fields are described.
type Result struct {
	Clients           int            `json:"clients"`
	Connected         int            `json:"connected"`
	ConnectedAfter    []int          `json:"connectedAfter"`
	IDMismatch        int            `json:"idMismatch"`
	Answers           int            `json:"answers"`
	WrongNode         int            `json:"wrongNode"`
	Mismatched        int            `json:"mismatched"`
	Disconnects       int            `json:"disconnects"`
	Lost              map[string]int `json:"lost"`
	LostBeforeConnect int            `json:"lostBeforeConnect"`
	ConnectErrors     map[string]int `json:"connectErrors"`
	Errors            []string       `json:"errors"`
	ErrorCount        int            `json:"errorCount"`
	Upgraded          int            `json:"upgraded"`
	PerNode           map[string]int `json:"perNode"`
	FinalTransports   map[string]int `json:"finalTransports"`
	Replies           int            `json:"replies"`
	SetCookies        int            `json:"setCookies"`
	Visits            int            `json:"visits"`
	Reopened          map[string]int `json:"reopened"`
	ReopenedAfter     []int          `json:"reopenedAfter"`
	LastReopened      int64          `json:"lastReopened"`
	Returned          int            `json:"returned"`
	Recovered         int            `json:"recovered"`
	News              int            `json:"news"`
	NewsOfOtherNodes  int            `json:"newsOfOtherNodes"`
	DuplicateNews     int            `json:"duplicateNews"`

	// In a browser only.
	Compressed   int            `json:"compressed"`
	LostByStatus map[string]int `json:"lostByStatus"`

	Of   Clients
	took time.Duration
}

// String implements [fmt.Stringer].
func (o Result) String() string {
	return fmt.Sprintf("%d of %d clients, %d answers, %d errors, %d disconnects, upgraded %d, renamed %d, nodes %v, %.1f s",
		o.Connected, o.Clients, o.Answers, o.ErrorCount, o.Disconnects, o.Upgraded, o.IDMismatch, o.PerNode, o.took.Seconds())
}

// Add returns two results together, without those fields that no caller needs.
func (o Result) Add(other Result) Result {
	return Result{
		Clients:           o.Clients + other.Clients,
		Connected:         o.Connected + other.Connected,
		ConnectedAfter:    slices.Concat(o.ConnectedAfter, other.ConnectedAfter),
		Answers:           o.Answers + other.Answers,
		WrongNode:         o.WrongNode + other.WrongNode,
		Mismatched:        o.Mismatched + other.Mismatched,
		IDMismatch:        o.IDMismatch + other.IDMismatch,
		Disconnects:       o.Disconnects + other.Disconnects,
		LostBeforeConnect: o.LostBeforeConnect + other.LostBeforeConnect,
		ErrorCount:        o.ErrorCount + other.ErrorCount,
		Errors:            slices.Concat(o.Errors, other.Errors),
		PerNode:           addCounts(o.PerNode, other.PerNode),
		Lost:              addCounts(o.Lost, other.Lost),
		ConnectErrors:     addCounts(o.ConnectErrors, other.ConnectErrors),
		Visits:            o.Visits + other.Visits,
		Reopened:          addCounts(o.Reopened, other.Reopened),
		ReopenedAfter:     slices.Concat(o.ReopenedAfter, other.ReopenedAfter),
		LastReopened:      max(o.LastReopened, other.LastReopened),
		Replies:           o.Replies + other.Replies,
		News:              o.News + other.News,
	}
}

func addCounts(left, right map[string]int) map[string]int {
	both := map[string]int{}
	maps.Copy(both, left)
	for key, count := range right {
		both[key] += count
	}
	return both
}

// SumCounts returns the sum of all counts.
func SumCounts(counts map[string]int) (all int) {
	for _, n := range counts {
		all += n
	}
	return all
}

// AssertHeld checks that every client kept its session from beginning to end.
func (o Result) AssertHeld(t *testing.T) {
	t.Helper()
	assert.Equal(t, o.Clients, o.Connected, "clients that connected")
	assert.Zero(t, o.Disconnects, "sessions lost")
	assert.Equal(t, o.Of.WantSetCookies, o.SetCookies, "cookies set")
	assert.Equal(t, o.Of.WantIDMismatch, o.IDMismatch, "clients with another ID than their node knows them by")
	o.AssertCorrect(t)
}

// AssertAllFailed checks that every client failed, before or after it was
// connected. Each counts once.
func (o Result) AssertAllFailed(t *testing.T) {
	t.Helper()
	assert.Equal(t, o.Clients, o.ErrorCount, "clients that fail, the first of them: %q", o.Errors)
}

// AssertCorrect checks that every message was answered correctly.
func (o Result) AssertCorrect(t *testing.T) {
	t.Helper()
	assert.Zero(t, o.ErrorCount, "errors, the first of them: %q", o.Errors)
	assert.Zero(t, o.WrongNode, "answers from another node than the client's")
	assert.Zero(t, o.Mismatched, "payloads that came back different")
}

// AssertBalanced checks that every node has sessions, and that none has more
// than one and a half times the mean.
func (o Result) AssertBalanced(t *testing.T, nodes []*Node) {
	t.Helper()
	mean := float64(o.Connected) / float64(len(nodes))
	assert.Len(t, o.PerNode, len(nodes), "nodes with clients")
	for _, n := range nodes {
		assert.LessOrEqual(t, float64(o.PerNode[n.Name]), 1.5*mean, "sessions on node %s, of %v", n.Name, o.PerNode)
	}
}

// AssertOnlyLostOn checks that all sessions of these nodes were lost and no
// others, and that each of their clients reconnected without a connect error.
func (o Result) AssertOnlyLostOn(t *testing.T, names ...string) {
	t.Helper()
	assert.Equal(t, o.Clients, o.Connected, "clients that connected")
	lost, all := map[string]int{}, 0
	for _, name := range names {
		assert.Positive(t, o.PerNode[name], "clients of node %s, of %v", name, o.PerNode)
		lost[name] = o.PerNode[name]
		all += lost[name]
	}
	assert.Equal(t, lost, o.Lost, "sessions lost, by node")
	assert.Empty(t, o.ConnectErrors, "connect errors")
	assert.Zero(t, o.LostBeforeConnect, "sessions lost before they were connected")
	assert.Len(t, o.ReopenedAfter, all, "sessions reopened, %v", o.Reopened)
	o.AssertCorrect(t)
}

// LogReconnects logs how long the clients took to reconnect. Socket.IO itself
// waits for its reconnectionDelay of 1000 ms, give or take half of it
// (randomizationFactor).
func (o Result) LogReconnects(t *testing.T) {
	t.Helper()
	after := slices.Sorted(slices.Values(o.ReopenedAfter))
	if len(after) > 0 {
		t.Logf("%s: %d of %d clients lost their sessions, %v, and reconnected %d, %d and %d ms later (the first, half, all), of which "+
			"Socket.IO waits 500 to 1500 ms; connect errors %v; now on %v",
			t.Name(), len(after), o.Connected, o.Lost, after[0], after[len(after)/2], after[len(after)-1], o.ConnectErrors, o.Reopened)
	}
}

// LogReconnectsSince also logs how long all of them took together.
func (o Result) LogReconnectsSince(t *testing.T, began time.Time) {
	t.Helper()
	o.LogReconnects(t)
	t.Logf("%s: the last client reconnected %d ms after the failure", t.Name(), time.UnixMilli(o.LastReopened).Sub(began).Milliseconds())
}
