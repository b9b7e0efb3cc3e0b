package e2e

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A browser with an HTTP/2 connection to a server that offers it opens its
// WebSockets on that connection, with CONNECT (RFC 8441). Go offers it with a
// GODEBUG setting.
func TestCaddyHoldsSessionsOfABrowserWithWebSocketsOverHTTP2(t *testing.T) {
	t.Parallel()
	access := filepath.Join(t.TempDir(), "access.log")
	b := testbed.SharedBrowser(t, false)
	h := testbed.CaddyLogging(access)
	h.Env = []string{"GODEBUG=http2xconnect=1"}
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(testbed.StartNodes(t, []string{"a", "b", "c"})), HTTPS: true})[0]
	cases := []struct {
		name       string
		build      testbed.ClientBuild
		transports []string
		sid        string // a pattern of the session ID in a CONNECT
	}{
		{"Socket.IO 4, upgraded", testbed.SocketIO4Build, []string{"polling", "websocket"}, `&sid=` + f.TagPattern + `\.`},
		{"Engine.IO, upgraded", testbed.EngineIOBuild, []string{"polling", "websocket"}, `&sid=` + f.TagPattern + `\.`},
		{"Socket.IO 4 over WebSocket", testbed.SocketIO4Build, []string{"websocket"}, ""},
	}
	before := 0
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			o := b.Run(t, testbed.PageClients(f, tc.build, tc.transports...))
			o.AssertHeld(t)
			assert.Greater(t, len(o.PerNode), 1, "nodes with clients")
			assert.Equal(t, o.Clients, o.FinalTransports["websocket"], "clients on WebSockets")

			// A request is logged when it has ended.
			var sockets []string
			testbed.RequireEventually(t, "the WebSockets are in the access log", func() bool {
				sockets = testbed.LinesWith(t, access, "transport=websocket")[before:]
				return len(sockets) >= o.Clients
			})
			before += len(sockets)
			assert.Len(t, sockets, o.Clients)
			for _, line := range sockets {
				assert.Contains(t, line, `"proto":"HTTP/2.0","method":"CONNECT"`)
				assert.Regexp(t, `transport=websocket`+tc.sid, line)
			}
		})
	}
}

func TestCaddyHoldsSessionsOfABrowserOverHTTP3(t *testing.T) {
	t.Parallel()
	access := filepath.Join(t.TempDir(), "access.log")
	// Caddy logs an error for the polls of a browser that leaves over HTTP/3.
	testHTTP3(t, testbed.CaddyLogging(access).ExpectingErrors("NO_ERROR (remote)"), access)
}

func TestTraefikHoldsSessionsOfABrowserOverHTTP3(t *testing.T) {
	t.Parallel()
	h := testbed.TraefikPlugin
	h.HTTP3, h.AccessLog = true, filepath.Join(t.TempDir(), "access.log")
	testHTTP3(t, h, h.AccessLog)
}

// testHTTP3 has a browser speak HTTP/3 with a proxy, whose access log shows it.
func testHTTP3(t *testing.T, h testbed.Proxy, access string) {
	t.Helper()
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(testbed.StartNodes(t, []string{"a", "b", "c"})), HTTPS: true})[0]
	b := testbed.StartBrowser(t, testbed.BrowserOptions{Flags: f.ForceHTTP3(t)})

	o := b.Run(t, testbed.PageClients(f, testbed.SocketIO4Build, "polling"))
	o.AssertHeld(t)
	assert.Greater(t, len(o.PerNode), 1, "nodes with clients")
	// Each answer takes a request to send a message, and a poll.
	testbed.RequireEventually(t, "the polls are in the access log", func() bool {
		return len(testbed.LinesWith(t, access, "transport=polling")) >= 2*o.Answers
	})
	for _, line := range testbed.LinesWith(t, access, "transport=polling") {
		assert.Contains(t, line, "HTTP/3.0")
	}
}
