package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Under `socketio /socket.io/*`, the other paths of the site belong to the other
// handlers of it: a reverse_proxy and a file_server.
func TestCaddyHoldsSessionsBesideOtherHandlersOfTheSite(t *testing.T) {
	files := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(files, "hello.txt"), []byte("hello from a file"), 0o600))
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	mirror := startMirror(t)
	f := caddy{proxy: func(upstreams string) string {
		return "socketio /socket.io/* " + upstreams + "\nreverse_proxy /api/* " + mirror + "\nroot " + files + "\nfile_server"
	}}.serve(t, site{upstreams: addresses(nodes)})[0]

	const each = 20
	var talking runningCrowds
	for _, transport := range transports {
		talking = append(talking, crowd{
			URL: f.url, Clients: each, Transports: transport, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 50,
		}.start(t))
	}
	for _, r := range talking {
		r.requireReady(t)
	}
	e := newEngine(t, f)
	e.handshakeReply(t)
	node := e.connect(t)

	for _, query := range []string{
		"",
		"?",
		"?a=1&b=%2F+%c3%bc;c",
		"?EIO=4&transport=polling",
		"?EIO=4&transport=polling&sid=" + e.sid, // of a session that is open on the same site
		"?sid=AAAAAAAAAAA.b&EIO=3&transport=websocket",
	} {
		t.Run("a query of "+strings.ReplaceAll(query, e.sid, "an open session"), func(t *testing.T) {
			resp, body := f.read(t, "/api/things"+query)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			var seen arrived
			require.NoError(t, json.Unmarshal([]byte(body), &seen), body)
			assert.Equal(t, "/api/things"+query, seen.URI)

			resp, body = f.read(t, "/hello.txt"+query)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "hello from a file", body)
			assert.Empty(t, resp.Header.Get("X-Node"))

			// What is like a path of Socket.IO, but is none.
			for _, path := range []string{"/socket.iox", "/socket.io", "/chat/socket.io/"} {
				resp, _ = f.read(t, path+query)
				assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
				assert.Empty(t, resp.Header.Get("X-Node"), path)
			}
			assert.Equal(t, node, e.echo(t, "still there"))
		})
	}
	talking.finishHeld(t).assertSpread(t, nodes)
}

// read asks the front for a path and reads the reply. It follows no redirect.
func (f front) read(t *testing.T, path string) (resp *http.Response, body string) {
	t.Helper()
	e := newEngine(t, f)
	e.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := e.client.Get(f.url + path)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(read)
}
