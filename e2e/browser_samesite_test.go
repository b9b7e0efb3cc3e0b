package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyHoldsSessionsOfABrowserWith(t *testing.T) {
	testBrowserSessionsHold(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOfABrowserWith(t *testing.T) {
	testBrowserSessionsHold(t, traefikPlugin)
}

// browserCases are the stock clients for browsers and the ways that they have.
// Each sends binary payloads too.
var browserCases = []struct {
	name       string
	build      build
	transports []string
	options    object
}{
	{"Socket.IO 4 over polling", socketIO4Build, []string{"polling"}, nil},
	{"Socket.IO 4, upgraded", socketIO4Build, []string{"polling", "websocket"}, nil},
	{"Socket.IO 4 over WebSocket", socketIO4Build, []string{"websocket"}, nil},
	// Polling only: over a WebSocket, this client sends what it turns into
	// base64 behind what it has said later, whatever is between it and the node.
	{"Socket.IO 4 and base64 for binary", socketIO4Build, []string{"polling"}, object{"forceBase64": true}},
	{"Engine.IO over polling", engineIOBuild, []string{"polling"}, nil},
	{"Engine.IO, upgraded", engineIOBuild, []string{"polling", "websocket"}, nil},
	{"Engine.IO over WebSocket", engineIOBuild, []string{"websocket"}, nil},
	{"Socket.IO 2 over polling", socketIO2Build, []string{"polling"}, nil},
	{"Socket.IO 2, upgraded", socketIO2Build, []string{"polling", "websocket"}, nil},
	{"Socket.IO 2 over WebSocket", socketIO2Build, []string{"websocket"}, nil},
	{"Socket.IO 2 and base64 for binary", socketIO2Build, []string{"polling", "websocket"}, object{"forceBase64": true}},
	{"Socket.IO 2 and JSONP", socketIO2Build, []string{"polling"}, object{"forceJSONP": true}},
}

// testBrowserSessionsHold runs every client in a page of the front that it
// connects to.
func testBrowserSessionsHold(t *testing.T, h host) {
	t.Helper()
	b := startBrowser(t, browserSettings{Flags: []string{noQUIC}})
	fronts := h.serve(t,
		plain.siteOf(startNodes(t, []string{"a", "b", "c"})),
		plain.siteOf(startNodes(t, []string{"d", "e", "f"}, socketIO2.flags...)),
	)
	for _, tc := range browserCases {
		t.Run(tc.name, func(t *testing.T) {
			f := fronts[0]
			if tc.build == socketIO2Build {
				f = fronts[1]
			}
			c := pageCrowd(f, tc.build, tc.transports...)
			c.Options = tc.options
			c.cookies = keptCookies(f, c)

			o := b.run(t, c)
			o.assertHeld(t)
			// A cookie of the first socket's brings the others to the same node.
			if f.cookies(c.Clients, c.Transports) == 0 {
				assert.Greater(t, len(o.PerNode), 1, "nodes that greeted clients")
			}
		})
	}
}

func TestCaddyHoldsSessionsOfABrowserBehindCompression(t *testing.T) {
	testCompressedBrowserSessionsHold(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOfABrowserBehindCompression(t *testing.T) {
	testCompressedBrowserSessionsHold(t, traefikPlugin)
}

// testCompressedBrowserSessionsHold runs clients that ask for compressed replies,
// as those in Node.js do not, where something compresses them.
func testCompressedBrowserSessionsHold(t *testing.T, h host) {
	t.Helper()
	b := startBrowser(t, browserSettings{Flags: []string{noQUIC}})
	for _, s := range settings {
		if !s.compresses() {
			continue
		}
		f := h.serve(t, s.siteOf(s.startNodes(t, "a", "b", "c")))[0]
		for _, transport := range transports[:2] {
			t.Run(s.name+", "+strings.Join(transport, " and "), func(t *testing.T) {
				o := b.run(t, pageCrowd(f, socketIO4Build, transport...))
				o.assertHeld(t)
				assert.Greater(t, len(o.PerNode), 1, "nodes that greeted clients")
				if len(transport) == 1 { // others may have upgraded before the first large reply
					assert.Positive(t, o.Compressed, "replies that came compressed")
				}
				t.Logf("%s: %d replies came compressed", t.Name(), o.Compressed)
			})
		}
	}
}

// keptCookies is how many cookies a browser has after a crowd: one of a name,
// however often it was set.
func keptCookies(f front, c browserCrowd) int {
	kept := min(f.cookies(c.Clients, c.Transports), 1)
	if c.Build == socketIO2Build && c.Transports[0] == "polling" {
		kept++ // nodeCookie, at which nobody looks here
	}
	return kept
}
