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

// Engine speaks Engine.IO over long-polling, request by request, so that a test
// sees what clients do not show. Of version 3 it can only open a session and
// send a ping.
type Engine struct {
	Endpoint Endpoint
	Client   *http.Client
	Version  string // of Engine.IO. Default: 4
	SID      string

	// Compressed counts the replies that came compressed. The client asks for gzip
	// and decompresses it.
	Compressed int
}

// Reply is an HTTP response whose body was read.
type Reply struct {
	*http.Response
	Text string
}

// NewEngine returns an engine whose client uses HTTP/2 where the endpoint
// offers it.
func NewEngine(t *testing.T, f Endpoint) *Engine {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the proxy's own
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

// PostPing sends a ping, or a pong in version 4.
func (e *Engine) PostPing(t *testing.T, cookies ...string) Reply {
	t.Helper()
	if e.Version == "3" {
		return e.Post(t, "1:2", cookies...)
	}
	return e.Post(t, "3", cookies...)
}

// Post sends a packet.
func (e *Engine) Post(t *testing.T, packet string, cookies ...string) Reply {
	t.Helper()
	r := e.Do(t, http.MethodPost, packet, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}, "Cookie": cookies})
	require.Equal(t, http.StatusOK, r.StatusCode, "posting %q: %s", packet, r.Text)
	assert.Equal(t, "ok", r.Text, "posting %q", packet)
	return r
}

// pollFor polls until a packet begins with prefix, and returns what follows.
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

// Connect joins the namespace and returns the name of the node.
func (e *Engine) Connect(t *testing.T) string {
	t.Helper()
	e.Post(t, "40")
	var hello struct{ Node string }
	payload := strings.TrimSuffix(e.pollFor(t, `42["hello",`), "]")
	require.NoError(t, json.Unmarshal([]byte(payload), &hello), "reading %q", payload)
	return hello.Node
}

// Echo sends a text, checks that the node sends it back, and returns the name
// of the node.
func (e *Engine) Echo(t *testing.T, text string) string {
	t.Helper()
	payload, err := json.Marshal([]string{"echo", text})
	require.NoError(t, err)
	e.Post(t, "421"+string(payload))
	var answers []struct{ Node, Payload string }
	got := e.pollFor(t, "431")
	require.NoError(t, json.Unmarshal([]byte(got), &answers), "reading %q", got)
	require.Len(t, answers, 1)
	assert.Equal(t, text, answers[0].Payload)
	return answers[0].Node
}

// HandshakeBound opens a session and checks that its session ID has a tag.
func (e *Engine) HandshakeBound(t *testing.T) Reply {
	t.Helper()
	r := e.Handshake(t)
	require.Regexp(t, e.Endpoint.BoundSIDPattern(), e.SID)
	return r
}

// NodeSID returns the session ID without its tag.
func (e *Engine) NodeSID() string {
	return e.SID[strings.LastIndex(e.SID, ".")+1:]
}

// SeenSID returns the session ID in a request as a node started with --trace
// saw it.
func SeenSID(t *testing.T, r Reply) string {
	t.Helper()
	seen, err := url.Parse(r.Header.Get("X-Seen"))
	require.NoError(t, err)
	return seen.Query().Get("sid")
}

// NewEngineWithoutKeepAlive returns an engine that opens a connection for each
// request.
func NewEngineWithoutKeepAlive(t *testing.T, f Endpoint) *Engine {
	t.Helper()
	e := NewEngine(t, f)
	e.Client.Transport.(*http.Transport).DisableKeepAlives = true
	return e
}
