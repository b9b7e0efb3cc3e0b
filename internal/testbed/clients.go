package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Clients is what testdata/socketio/clients.js is told to do; its fields are
// described in crowd.js beside it.
type Clients struct {
	URL                string   `json:"url"`
	Path               string   `json:"path,omitempty"`
	Count              int      `json:"clients"`
	Version            int      `json:"client,omitempty"`
	Transports         []string `json:"transports"`
	Messages           int      `json:"messages"`
	MaxBytes           int      `json:"maxBytes"`
	RejectUnauthorized bool     `json:"rejectUnauthorized"`
	ForceBase64        bool     `json:"forceBase64,omitempty"`
	WithCredentials    bool     `json:"withCredentials,omitempty"`
	CookieJar          bool     `json:"cookieJar,omitempty"`
	Roam               bool     `json:"roam,omitempty"`
	Mode               string   `json:"hold,omitempty"`
	Pause              int      `json:"pause,omitempty"`
	Reconnect          bool     `json:"reconnect,omitempty"`
	Timeout            int64    `json:"guard"`

	// cookies is how many of them the clients are to be given.
	WantSetCookies int

	// renamed is how many clients are to have another socket.id than their node
	// knows them by.
	WantIDMismatch int
}

// RunningClients is a crowd that has been started.
type RunningClients struct {
	*Process
	Clients Clients
	since   time.Time
}

// Start starts the crowd.
func (c Clients) Start(t *testing.T) *RunningClients {
	t.Helper()
	requireNodeModules(t)
	c.Timeout = Timeout.Milliseconds()
	input, err := json.Marshal(c)
	require.NoError(t, err)
	since := time.Now()
	p := start(t, "clients", nil, "node", Path("testdata", "socketio", "clients.js"), string(input))
	return &RunningClients{Process: p, Clients: c, since: since}
}

// Run starts the crowd and waits for what it has to say.
func (c Clients) Run(t *testing.T) Result {
	t.Helper()
	return c.Start(t).Wait(t)
}

// RequireReady waits until all clients of a crowd that holds are up.
func (r *RunningClients) RequireReady(t *testing.T) {
	t.Helper()
	var ready struct {
		Ready     bool
		Connected int
	}
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &ready), "reading %q", line)
	require.True(t, ready.Ready, "reading %q", line)
	require.Equal(t, r.Clients.Count, ready.Connected, "clients that are up")
}

// Do has every client of a crowd that listens take a step, waits for the last
// to have done so, and returns what has been measured until then.
func (r *RunningClients) Do(t *testing.T, step string) Result {
	t.Helper()
	r.Send(t, step)
	return r.RequireDone(t, step)
}

// RequireDone waits for the last client to have taken a step that all were told
// to, as do does.
func (r *RunningClients) RequireDone(t *testing.T, step string) Result {
	t.Helper()
	var answer struct {
		Done   string
		Result Result
	}
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &answer), "reading %q", line)
	require.Equal(t, step, answer.Done, "reading %q", line)
	return answer.Result
}

// Finish tells a crowd that holds to come to its end.
func (r *RunningClients) Finish(t *testing.T) Result {
	t.Helper()
	r.Send(t, "finish")
	return r.Wait(t)
}

func (r *RunningClients) Send(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(r.stdin, line+"\n")
	require.NoError(t, err)
}

func (r *RunningClients) Wait(t *testing.T) Result {
	t.Helper()
	var o Result
	line := r.line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &o), "reading %q", line)
	o.Of, o.took = r.Clients, time.Since(r.since)
	t.Logf("%s: %s", t.Name(), o)
	return o
}

// LoseNetwork has all clients lose their connections, and the nodes say
// something when they are gone.
func (r *RunningClients) LoseNetwork(t *testing.T, nodes []*Node) {
	t.Helper()
	r.Do(t, "cut")
	for _, n := range nodes {
		RequireEventually(t, "node "+n.Name+" has no clients", func() bool { return n.Status(t).Clients == 0 })
		resp, err := HTTPClient.Post("http://"+n.Addr+"/news", "text/plain", http.NoBody)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
}
