package testbed

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Engine speaks Engine.IO over long-polling to a front, request by request, so
// that a test sees what stock clients keep to themselves. Of version 3 it knows
// no more than to open a session and to say that it is there.
type Engine struct {
	Endpoint Endpoint
	Client   *http.Client
	Version  string // to say. Default: 4
	SID      string

	// compressed counts the replies that came compressed; the client asks for
	// gzip, and undoes it.
	Compressed int
}

// Reply is an HTTP response that has been read to its end.
type Reply struct {
	*http.Response
	Text string
}

// NewEngine returns an engine whose client takes HTTP/2 where the front does.
func NewEngine(t *testing.T, f Endpoint) *Engine {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the host's own
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Engine{Endpoint: f, Client: &http.Client{Transport: transport, Timeout: Timeout}}
}

// Do sends a request of the engine's session and reads the reply.
func (e *Engine) Do(t *testing.T, method, body string, header http.Header) Reply {
	t.Helper()
	query := url.Values{"EIO": {cmp.Or(e.Version, "4")}, "transport": {"polling"}}
	if e.SID != "" {
		query.Set("sid", e.SID)
	}
	target := e.Endpoint.URL + "/socket.io/?" + query.Encode()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	resp, err := e.Client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if resp.Uncompressed {
		e.Compressed++
	}
	return Reply{Response: resp, Text: string(read)}
}

// Handshake opens a session.
func (e *Engine) Handshake(t *testing.T) Reply {
	t.Helper()
	r := e.Do(t, http.MethodGet, "", nil)
	require.Equal(t, http.StatusOK, r.StatusCode, "a handshake: %s", r.Text)
	packet := r.Text
	if e.Version == "3" { // the length, the packet, and others behind it
		_, packet, _ = strings.Cut(packet, ":")
	}
	var open struct{ SID string }
	require.True(t, strings.HasPrefix(packet, "0"), "not an open packet: %s", r.Text)
	require.NoError(t, json.NewDecoder(strings.NewReader(packet[1:])).Decode(&open), "not an open packet: %s", r.Text)
	e.SID = open.SID
	return r
}

// PostPing says that the client is there, in the words of its version.
func (e *Engine) PostPing(t *testing.T, cookies ...string) Reply {
	t.Helper()
	if e.Version == "3" {
		return e.Post(t, "1:2", cookies...)
	}
	return e.Post(t, "3", cookies...)
}

func (e *Engine) Post(t *testing.T, packet string, cookies ...string) Reply {
	t.Helper()
	r := e.Do(t, http.MethodPost, packet, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}, "Cookie": cookies})
	require.Equal(t, http.StatusOK, r.StatusCode, "posting %q: %s", packet, r.Text)
	assert.Equal(t, "ok", r.Text, "posting %q", packet)
	return r
}

// pollFor polls until a packet begins with prefix and returns what follows.
func (e *Engine) pollFor(t *testing.T, prefix string) string {
	t.Helper()
	for {
		r := e.Do(t, http.MethodGet, "", nil)
		require.Equal(t, http.StatusOK, r.StatusCode, "a poll: %s", r.Text)
		for packet := range strings.SplitSeq(r.Text, "\x1e") {
			if rest, found := strings.CutPrefix(packet, prefix); found {
				return rest
			}
		}
	}
}

// Connect joins the namespace and returns the name of the node that greets.
func (e *Engine) Connect(t *testing.T) string {
	t.Helper()
	e.Post(t, "40")
	var greeting struct{ Node string }
	said := strings.TrimSuffix(e.pollFor(t, `42["hello",`), "]")
	require.NoError(t, json.Unmarshal([]byte(said), &greeting), "reading %q", said)
	return greeting.Node
}

// Echo has the node acknowledge a text and returns the name it says.
func (e *Engine) Echo(t *testing.T, text string) string {
	t.Helper()
	said, err := json.Marshal([]string{"echo", text})
	require.NoError(t, err)
	e.Post(t, "421"+string(said))
	var answers []struct{ Node, Payload string }
	got := e.pollFor(t, "431")
	require.NoError(t, json.Unmarshal([]byte(got), &answers), "reading %q", got)
	require.Len(t, answers, 1)
	assert.Equal(t, text, answers[0].Payload)
	return answers[0].Node
}

// HandshakeBound opens a session and checks that its sid is bound.
func (e *Engine) HandshakeBound(t *testing.T) Reply {
	t.Helper()
	r := e.Handshake(t)
	require.Regexp(t, e.Endpoint.BoundSIDPattern(), e.SID)
	return r
}

// NodeSID returns the part of a bound sid that is the node's.
func (e *Engine) NodeSID() string {
	return e.SID[strings.LastIndex(e.SID, ".")+1:]
}

// SeenSID returns the sid that a node started with --trace saw in a request.
func SeenSID(t *testing.T, r Reply) string {
	t.Helper()
	seen, err := url.Parse(r.Header.Get("X-Seen"))
	require.NoError(t, err)
	return seen.Query().Get("sid")
}

// NewEngineWithoutKeepAlive returns an engine that makes a connection for each request.
func NewEngineWithoutKeepAlive(t *testing.T, f Endpoint) *Engine {
	t.Helper()
	e := NewEngine(t, f)
	e.Client.Transport.(*http.Transport).DisableKeepAlives = true
	return e
}
