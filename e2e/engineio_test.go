package e2e

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

// engine speaks Engine.IO over long-polling to a front, request by request, so
// that a test sees what stock clients keep to themselves. Of version 3 it knows
// no more than to open a session and to say that it is there.
type engine struct {
	front   front
	client  *http.Client
	version string // to say. Default: 4
	sid     string

	// compressed counts the replies that came compressed; the client asks for
	// gzip, and undoes it.
	compressed int
}

// reply is an HTTP response that has been read to its end.
type reply struct {
	*http.Response
	body string
}

// newEngine returns an engine whose client takes HTTP/2 where the front does.
func newEngine(t *testing.T, f front) *engine {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the host's own
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &engine{front: f, client: &http.Client{Transport: transport, Timeout: guard}}
}

// do sends a request of the engine's session and reads the reply.
func (e *engine) do(t *testing.T, method, body string, header http.Header) reply {
	t.Helper()
	query := url.Values{"EIO": {cmp.Or(e.version, "4")}, "transport": {"polling"}}
	if e.sid != "" {
		query.Set("sid", e.sid)
	}
	target := e.front.url + "/socket.io/?" + query.Encode()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	maps.Copy(req.Header, header)
	resp, err := e.client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	if resp.Uncompressed {
		e.compressed++
	}
	return reply{Response: resp, body: string(read)}
}

// handshake opens a session.
func (e *engine) handshake(t *testing.T) reply {
	t.Helper()
	r := e.do(t, http.MethodGet, "", nil)
	require.Equal(t, http.StatusOK, r.StatusCode, "a handshake: %s", r.body)
	packet := r.body
	if e.version == "3" { // the length, the packet, and others behind it
		_, packet, _ = strings.Cut(packet, ":")
	}
	var open struct{ SID string }
	require.True(t, strings.HasPrefix(packet, "0"), "not an open packet: %s", r.body)
	require.NoError(t, json.NewDecoder(strings.NewReader(packet[1:])).Decode(&open), "not an open packet: %s", r.body)
	e.sid = open.SID
	return r
}

// postPing says that the client is there, in the words of its version.
func (e *engine) postPing(t *testing.T, cookies ...string) reply {
	t.Helper()
	if e.version == "3" {
		return e.post(t, "1:2", cookies...)
	}
	return e.post(t, "3", cookies...)
}

func (e *engine) post(t *testing.T, packet string, cookies ...string) reply {
	t.Helper()
	r := e.do(t, http.MethodPost, packet, http.Header{"Content-Type": {"text/plain;charset=UTF-8"}, "Cookie": cookies})
	require.Equal(t, http.StatusOK, r.StatusCode, "posting %q: %s", packet, r.body)
	assert.Equal(t, "ok", r.body, "posting %q", packet)
	return r
}

// pollFor polls until a packet begins with prefix and returns what follows.
func (e *engine) pollFor(t *testing.T, prefix string) string {
	t.Helper()
	for {
		r := e.do(t, http.MethodGet, "", nil)
		require.Equal(t, http.StatusOK, r.StatusCode, "a poll: %s", r.body)
		for packet := range strings.SplitSeq(r.body, "\x1e") {
			if rest, found := strings.CutPrefix(packet, prefix); found {
				return rest
			}
		}
	}
}

// connect joins the namespace and returns the name of the node that greets.
func (e *engine) connect(t *testing.T) string {
	t.Helper()
	e.post(t, "40")
	var greeting struct{ Node string }
	said := strings.TrimSuffix(e.pollFor(t, `42["hello",`), "]")
	require.NoError(t, json.Unmarshal([]byte(said), &greeting), "reading %q", said)
	return greeting.Node
}

// echo has the node acknowledge a text and returns the name it says.
func (e *engine) echo(t *testing.T, text string) string {
	t.Helper()
	said, err := json.Marshal([]string{"echo", text})
	require.NoError(t, err)
	e.post(t, "421"+string(said))
	var answers []struct{ Node, Payload string }
	got := e.pollFor(t, "431")
	require.NoError(t, json.Unmarshal([]byte(got), &answers), "reading %q", got)
	require.Len(t, answers, 1)
	assert.Equal(t, text, answers[0].Payload)
	return answers[0].Node
}
