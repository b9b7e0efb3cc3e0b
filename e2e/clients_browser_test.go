package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyHoldsSessionsOfABrowserWith(t *testing.T) {
	t.Parallel()
	testBrowserSessionsHold(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOfABrowserWith(t *testing.T) {
	t.Parallel()
	testBrowserSessionsHold(t, testbed.TraefikPlugin)
}

// browserCases are the stock clients for browsers and their options. Each sends
// binary payloads too.
var browserCases = []struct {
	name       string
	build      testbed.ClientBuild
	transports []string
	options    object
}{
	{"Socket.IO 4 over polling", testbed.SocketIO4Build, []string{"polling"}, nil},
	{"Socket.IO 4, upgraded", testbed.SocketIO4Build, []string{"polling", "websocket"}, nil},
	{"Socket.IO 4 over WebSocket", testbed.SocketIO4Build, []string{"websocket"}, nil},
	// Polling only: over a WebSocket this client sends messages out of order when it
	// encodes one in base64, with or without a proxy.
	{"Socket.IO 4 and base64 for binary", testbed.SocketIO4Build, []string{"polling"}, object{"forceBase64": true}},
	{"Engine.IO over polling", testbed.EngineIOBuild, []string{"polling"}, nil},
	{"Engine.IO, upgraded", testbed.EngineIOBuild, []string{"polling", "websocket"}, nil},
	{"Engine.IO over WebSocket", testbed.EngineIOBuild, []string{"websocket"}, nil},
	{"Socket.IO 2 over polling", testbed.SocketIO2Build, []string{"polling"}, nil},
	{"Socket.IO 2, upgraded", testbed.SocketIO2Build, []string{"polling", "websocket"}, nil},
	{"Socket.IO 2 over WebSocket", testbed.SocketIO2Build, []string{"websocket"}, nil},
	{"Socket.IO 2 and base64 for binary", testbed.SocketIO2Build, []string{"polling", "websocket"}, object{"forceBase64": true}},
	{"Socket.IO 2 and JSONP", testbed.SocketIO2Build, []string{"polling"}, object{"forceJSONP": true}},
}

// testBrowserSessionsHold runs every client in a page of the endpoint that it
// connects to.
func testBrowserSessionsHold(t *testing.T, h testbed.Proxy) {
	t.Helper()
	b := testbed.SharedBrowser(t, false)
	endpoints := h.Serve(t,
		testbed.Plain.SiteOf(testbed.StartNodes(t, []string{"a", "b", "c"})),
		testbed.Plain.SiteOf(testbed.StartNodes(t, []string{"d", "e", "f"}, testbed.SocketIO2.Flags...)),
	)
	for _, tc := range browserCases {
		t.Run(tc.name, func(t *testing.T) {
			f := endpoints[0]
			if tc.build == testbed.SocketIO2Build {
				f = endpoints[1]
			}
			c := testbed.PageClients(f, tc.build, tc.transports...)
			c.Options = tc.options
			c.WantSetCookies = testbed.KeptCookies(f, c)

			o := b.Run(t, c)
			o.AssertHeld(t)
			// The cookie of the first client brings the others to the same node.
			if f.CookiesFor(c.Count, c.Transports) == 0 {
				assert.Greater(t, len(o.PerNode), 1, "nodes with clients")
			}
		})
	}
}

func TestCaddyHoldsSessionsOfABrowserBehindCompression(t *testing.T) {
	t.Parallel()
	testCompressedBrowserSessionsHold(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOfABrowserBehindCompression(t *testing.T) {
	t.Parallel()
	testCompressedBrowserSessionsHold(t, testbed.TraefikPlugin)
}

// testCompressedBrowserSessionsHold runs clients that ask for compressed
// replies, unlike those in Node.js, where the nodes or the proxy compress.
func testCompressedBrowserSessionsHold(t *testing.T, h testbed.Proxy) {
	t.Helper()
	b := testbed.SharedBrowser(t, false)
	for _, s := range variants {
		if !s.Compresses() {
			continue
		}
		f := h.Serve(t, s.SiteOf(s.StartNodes(t, "a", "b", "c")))[0]
		for _, transport := range testbed.Transports[:2] {
			t.Run(s.Name+", "+strings.Join(transport, " and "), func(t *testing.T) {
				o := b.Run(t, testbed.PageClients(f, testbed.SocketIO4Build, transport...))
				o.AssertHeld(t)
				assert.Greater(t, len(o.PerNode), 1, "nodes with clients")
				if len(transport) == 1 { // others may have upgraded before the first large reply
					assert.Positive(t, o.Compressed, "replies that came compressed")
				}
				t.Logf("%s: %d replies came compressed", t.Name(), o.Compressed)
			})
		}
	}
}
