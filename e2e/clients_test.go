package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// crowd is what testdata/socketio/clients.js is told to do; its fields are
// described in crowd.js beside it.
type crowd struct {
	URL                string   `json:"url"`
	Path               string   `json:"path,omitempty"`
	Clients            int      `json:"clients"`
	Client             int      `json:"client,omitempty"`
	Transports         []string `json:"transports"`
	Messages           int      `json:"messages"`
	MaxBytes           int      `json:"maxBytes"`
	RejectUnauthorized bool     `json:"rejectUnauthorized"`
	ForceBase64        bool     `json:"forceBase64,omitempty"`
	WithCredentials    bool     `json:"withCredentials,omitempty"`
	CookieJar          bool     `json:"cookieJar,omitempty"`
	Roam               bool     `json:"roam,omitempty"`
	Hold               string   `json:"hold,omitempty"`
	Pause              int      `json:"pause,omitempty"`
	Reconnect          bool     `json:"reconnect,omitempty"`
	Guard              int64    `json:"guard"`

	// cookies is how many of them the clients are to be given.
	cookies int

	// renamed is how many clients are to have another socket.id than their node
	// knows them by.
	renamed int
}

// outcome is what clients.js measured; its fields are described there.
type outcome struct {
	Clients         int            `json:"clients"`
	Connected       int            `json:"connected"`
	IDMismatch      int            `json:"idMismatch"`
	Answers         int            `json:"answers"`
	WrongNode       int            `json:"wrongNode"`
	Mismatched      int            `json:"mismatched"`
	Disconnects     int            `json:"disconnects"`
	Lost            map[string]int `json:"lost"`
	Ungreeted       int            `json:"ungreeted"`
	ConnectErrors   map[string]int `json:"connectErrors"`
	Errors          []string       `json:"errors"`
	ErrorCount      int            `json:"errorCount"`
	Upgraded        int            `json:"upgraded"`
	PerNode         map[string]int `json:"perNode"`
	FinalTransports map[string]int `json:"finalTransports"`
	Replies         int            `json:"replies"`
	SetCookies      int            `json:"setCookies"`
	Reopened        map[string]int `json:"reopened"`
	ReopenedAfter   []int          `json:"reopenedAfter"`
	LastReopened    int64          `json:"lastReopened"`
	Returned        int            `json:"returned"`
	Recovered       int            `json:"recovered"`
	News            int            `json:"news"`
	NewsOfOthers    int            `json:"newsOfOthers"`
	NewsAgain       int            `json:"newsAgain"`

	Compressed int `json:"compressed"` // in a browser

	crowd crowd
	took  time.Duration
}

// runningCrowd is a crowd that has been started.
type runningCrowd struct {
	*process
	crowd crowd
	since time.Time
}

// start starts the crowd.
func (c crowd) start(t *testing.T) *runningCrowd {
	t.Helper()
	requireNodeModules(t)
	c.Guard = guard.Milliseconds()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	since := time.Now()
	p := start(t, "clients", nil, "node", filepath.Join(socketioDir, "clients.js"), string(told))
	return &runningCrowd{process: p, crowd: c, since: since}
}

// run starts the crowd and waits for what it has to say.
func (c crowd) run(t *testing.T) outcome {
	t.Helper()
	return c.start(t).outcome(t)
}

// requireReady waits until all clients of a crowd that holds are up.
func (r *runningCrowd) requireReady(t *testing.T) {
	t.Helper()
	var ready struct {
		Ready     bool
		Connected int
	}
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &ready), "reading %q", line)
	require.True(t, ready.Ready, "reading %q", line)
	require.Equal(t, r.crowd.Clients, ready.Connected, "clients that are up")
}

// do has every client of a crowd that listens take a step, waits for the last
// to have done so, and returns what has been measured until then.
func (r *runningCrowd) do(t *testing.T, step string) outcome {
	t.Helper()
	r.tell(t, step)
	return r.requireDone(t, step)
}

// requireDone waits for the last client to have taken a step that all were told
// to, as do does.
func (r *runningCrowd) requireDone(t *testing.T, step string) outcome {
	t.Helper()
	var answer struct {
		Done   string
		Result outcome
	}
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &answer), "reading %q", line)
	require.Equal(t, step, answer.Done, "reading %q", line)
	return answer.Result
}

// finish tells a crowd that holds to come to its end.
func (r *runningCrowd) finish(t *testing.T) outcome {
	t.Helper()
	r.tell(t, "finish")
	return r.outcome(t)
}

func (r *runningCrowd) tell(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(r.stdin, line+"\n")
	require.NoError(t, err)
}

func (r *runningCrowd) outcome(t *testing.T) outcome {
	t.Helper()
	var o outcome
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &o), "reading %q", line)
	o.crowd, o.took = r.crowd, time.Since(r.since)
	t.Logf("%s: %s", t.Name(), o)
	return o
}

func (o outcome) String() string {
	return fmt.Sprintf("%d of %d clients, %d answers, %d errors, %d disconnects, upgraded %d, renamed %d, nodes %v, %.1f s",
		o.Connected, o.Clients, o.Answers, o.ErrorCount, o.Disconnects, o.Upgraded, o.IDMismatch, o.PerNode, o.took.Seconds())
}

// assertHeld checks that every client kept its session from beginning to end.
func (o outcome) assertHeld(t *testing.T) {
	t.Helper()
	assert.Equal(t, o.Clients, o.Connected, "clients that a node greeted")
	assert.Zero(t, o.Disconnects, "sessions lost")
	assert.Equal(t, o.crowd.cookies, o.SetCookies, "cookies set")
	assert.Equal(t, o.crowd.renamed, o.IDMismatch, "clients with another ID than their node knows them by")
	o.assertRight(t)
}

// assertAllFailed checks that every client failed, whether a node had greeted it
// or not. Each counts once.
func (o outcome) assertAllFailed(t *testing.T) {
	t.Helper()
	assert.Equal(t, o.Clients, o.ErrorCount, "clients that fail, the first of them: %q", o.Errors)
}

// assertRight checks that whatever was said was said right.
func (o outcome) assertRight(t *testing.T) {
	t.Helper()
	assert.Zero(t, o.ErrorCount, "errors, the first of them: %q", o.Errors)
	assert.Zero(t, o.WrongNode, "answers from another node than the one that greeted")
	assert.Zero(t, o.Mismatched, "payloads that came back different")
}

// assertSpread checks that all of the nodes took part, and that the fullest
// holds at most one and a half times the mean.
func (o outcome) assertSpread(t *testing.T, nodes []*node) {
	t.Helper()
	mean := float64(o.Connected) / float64(len(nodes))
	assert.Len(t, o.PerNode, len(nodes), "nodes that greeted clients")
	for _, n := range nodes {
		assert.LessOrEqual(t, float64(o.PerNode[n.name]), 1.5*mean, "sessions on node %s, of %v", n.name, o.PerNode)
	}
}
