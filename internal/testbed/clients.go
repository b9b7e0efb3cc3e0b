package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Mode is what clients do until they are to finish.
type Mode string

// Without a mode, clients send their messages and leave.
const (
	Continuous Mode = "continuous" // go on sending messages
	Commands   Mode = "commands"   // do what each line on standard input says
)

// Clients are the settings of testdata/socketio/clients.js, which are described
// in settings.js beside it.
type Clients struct {
	URL                string            `json:"url"`
	Path               string            `json:"path,omitempty"`
	Count              int               `json:"count"`
	Version            int               `json:"version,omitempty"`
	Transports         []string          `json:"transports,omitempty"`
	TransportsInTurn   [][]string        `json:"transportsInTurn,omitempty"`
	Messages           int               `json:"messages"`
	MaxBytes           int               `json:"maxBytes"`
	RejectUnauthorized bool              `json:"rejectUnauthorized"`
	ForceBase64        bool              `json:"forceBase64,omitempty"`
	WithCredentials    bool              `json:"withCredentials,omitempty"`
	CookieJar          bool              `json:"cookieJar,omitempty"`
	Roam               bool              `json:"roam,omitempty"`
	OwnAddress         int               `json:"ownAddress,omitempty"`
	ExtraHeaders       map[string]string `json:"extraHeaders,omitempty"`
	Mode               Mode              `json:"mode,omitempty"`
	Pause              int               `json:"pause,omitempty"`
	Stay               int               `json:"stay,omitempty"`
	Reconnect          bool              `json:"reconnect,omitempty"`
	Timeout            int64             `json:"timeout"`

	// ConnectTimeout is the clients' own timeout in milliseconds. Default: Timeout
	ConnectTimeout int `json:"connectTimeout,omitempty"`

	// WantSetCookies is how many cookies the replies are expected to set.
	WantSetCookies int `json:"-"`

	// WantIDMismatch is how many clients are expected to have another socket.id
	// than their node knows them by.
	WantIDMismatch int `json:"-"`
}

// RunningClients are clients that have been started, by one program.
type RunningClients struct {
	*Process
	Clients Clients
	since   time.Time
	ended   bool // they have, and their result is read
}

// Start starts the clients.
func (c Clients) Start(t *testing.T) *RunningClients {
	t.Helper()
	RequireNodeModules(t)
	c.Timeout = Timeout.Milliseconds()
	settings, err := json.Marshal(c)
	require.NoError(t, err)
	since := time.Now()
	if strings.HasPrefix(c.URL, "https:") {
		p := start(t, "clients", nil, "node", Path("testdata", "socketio", "clients.js"), string(settings))
		return &RunningClients{Process: p, Clients: c, since: since}
	}
	r := &RunningClients{Clients: c, since: since}
	r.Process = clientProcesses.take(t, func() bool { return r.ended && r.endRun(t) })
	r.sendLine(t, c)
	return r
}

// Run starts the clients and waits for their result.
func (c Clients) Run(t *testing.T) Result {
	t.Helper()
	return c.Start(t).Wait(t)
}

// RequireReady waits until all clients are connected, in either mode.
func (r *RunningClients) RequireReady(t *testing.T) {
	t.Helper()
	var ready struct {
		Ready     bool
		Connected int
	}
	line := r.Line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &ready), "reading %q", line)
	require.True(t, ready.Ready, "reading %q", line)
	require.Equal(t, r.Clients.Count, ready.Connected, "clients that are connected")
}

// Do sends a command, waits until every client has done it, and returns the
// results so far.
func (r *RunningClients) Do(t *testing.T, command string) Result {
	t.Helper()
	r.Send(t, command)
	return r.RequireDone(t, command)
}

// RequireDone waits until every client has done a command that was sent, as
// [RunningClients.Do] does.
func (r *RunningClients) RequireDone(t *testing.T, command string) Result {
	t.Helper()
	var answer struct {
		Done   string
		Result Result
	}
	line := r.Line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &answer), "reading %q", line)
	require.Equal(t, command, answer.Done, "reading %q", line)
	return answer.Result
}

// Finish has the clients finish, in either mode, and waits for their result.
func (r *RunningClients) Finish(t *testing.T) Result {
	t.Helper()
	r.Send(t, "finish")
	return r.Wait(t)
}

// Send sends a command, and does not wait until it is done.
func (r *RunningClients) Send(t *testing.T, line string) {
	t.Helper()
	_, err := io.WriteString(r.Stdin, line+"\n")
	require.NoError(t, err)
}

// Wait waits for the result.
func (r *RunningClients) Wait(t *testing.T) Result {
	t.Helper()
	var o Result
	line := r.Line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &o), "reading %q", line)
	r.ended = o.Clients == r.Clients.Count
	o.Of, o.took = r.Clients, time.Since(r.since)
	t.Logf("%s: %s", t.Name(), o)
	return o
}

// LoseNetwork closes the connections of all clients, and has the nodes send the
// news once they are gone.
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
