package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// With `socketio /socket.io/*`, other handlers of the site serve the other
// paths: here a reverse_proxy and a file_server.
func TestCaddyHoldsSessionsBesideOtherHandlersOfTheSite(t *testing.T) {
	t.Parallel()
	files := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(files, "hello.txt"), []byte("hello from a file"), 0o600))
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	mirror := testbed.StartMirror(t)
	f := testbed.Caddy{Directive: func(upstreams string) string {
		return "socketio /socket.io/* " + upstreams + "\nreverse_proxy /api/* " + mirror + "\nroot " + files + "\nfile_server"
	}}.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]

	active := testbed.StartClients(t, testbed.Clients{
		URL: f.URL, Count: 60, TransportsInTurn: testbed.Transports, Messages: 2, MaxBytes: 2000, Mode: testbed.Continuous, Pause: 250,
	})
	e := testbed.NewEngine(t, f)
	e.HandshakeBound(t)
	node := e.Connect(t)

	for _, query := range []string{
		"",
		"?",
		"?a=1&b=%2F+%c3%bc;c",
		"?EIO=4&transport=polling",
		"?EIO=4&transport=polling&sid=" + e.SID, // of an open session of the same site
		"?sid=AAAAAAAAAAA.b&EIO=3&transport=websocket",
	} {
		t.Run("a query of "+strings.ReplaceAll(query, e.SID, "an open session"), func(t *testing.T) {
			resp, body := f.Fetch(t, "/api/things"+query)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			var seen testbed.MirroredRequest
			require.NoError(t, json.Unmarshal([]byte(body), &seen), body)
			assert.Equal(t, "/api/things"+query, seen.URI)

			resp, body = f.Fetch(t, "/hello.txt"+query)
			assert.Equal(t, http.StatusOK, resp.StatusCode)
			assert.Equal(t, "hello from a file", body)
			assert.Empty(t, resp.Header.Get("X-Node"))

			// Paths that resemble the one of Socket.IO.
			for _, path := range []string{"/socket.iox", "/socket.io", "/chat/socket.io/"} {
				resp, _ = f.Fetch(t, path+query)
				assert.Equal(t, http.StatusNotFound, resp.StatusCode, path)
				assert.Empty(t, resp.Header.Get("X-Node"), path)
			}
			assert.Equal(t, node, e.Echo(t, "still there"))
		})
	}
	active.FinishHeld(t).AssertBalanced(t, nodes)
}
