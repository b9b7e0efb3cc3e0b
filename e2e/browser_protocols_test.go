package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A browser that has an HTTP/2 connection to a server which offers it opens its
// WebSockets in there, with CONNECT (RFC 8441). Go offers it when told.
func TestCaddyHoldsSessionsOfABrowserWithWebSocketsOverHTTP2(t *testing.T) {
	t.Setenv("GODEBUG", "http2xconnect=1")
	access := filepath.Join(t.TempDir(), "access.log")
	b := startBrowser(t, browserSettings{Flags: []string{noQUIC}})
	f := caddyLogging(access).serve(t, site{upstreams: addresses(startNodes(t, []string{"a", "b", "c"})), secure: true})[0]
	cases := []struct {
		name       string
		build      build
		transports []string
		sid        string // the pattern of what a CONNECT says
	}{
		{"Socket.IO 4, upgraded", socketIO4Build, []string{"polling", "websocket"}, `&sid=` + f.tag + `\.`},
		{"Engine.IO, upgraded", engineIOBuild, []string{"polling", "websocket"}, `&sid=` + f.tag + `\.`},
		{"Socket.IO 4 over WebSocket", socketIO4Build, []string{"websocket"}, ""},
	}
	before := 0
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			o := b.run(t, pageCrowd(f, tc.build, tc.transports...))
			o.assertHeld(t)
			assert.Greater(t, len(o.PerNode), 1, "nodes that greeted clients")
			assert.Equal(t, o.Clients, o.FinalTransports["websocket"], "clients on WebSockets")

			// A request is in the log when it has ended.
			var sockets []string
			requireSoon(t, "the WebSockets are in the access log", func() bool {
				sockets = linesWith(t, access, "transport=websocket")[before:]
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
	access := filepath.Join(t.TempDir(), "access.log")
	testHTTP3(t, caddyLogging(access), access)
}

func TestTraefikHoldsSessionsOfABrowserOverHTTP3(t *testing.T) {
	h := traefikPlugin
	h.http3, h.accessLog = true, filepath.Join(t.TempDir(), "access.log")
	testHTTP3(t, h, h.accessLog)
}

// testHTTP3 has a browser speak HTTP/3 with a host, which says so in its access
// log.
func testHTTP3(t *testing.T, h host, access string) {
	t.Helper()
	f := h.serve(t, site{upstreams: addresses(startNodes(t, []string{"a", "b", "c"})), secure: true})[0]
	b := startBrowser(t, browserSettings{Flags: f.forceHTTP3(t)})

	o := b.run(t, pageCrowd(f, socketIO4Build, "polling"))
	o.assertHeld(t)
	assert.Greater(t, len(o.PerNode), 1, "nodes that greeted clients")
	// Each answer takes a message there and a poll back.
	requireSoon(t, "the polls are in the access log", func() bool {
		return len(linesWith(t, access, "transport=polling")) >= 2*o.Answers
	})
	for _, line := range linesWith(t, access, "transport=polling") {
		assert.Contains(t, line, "HTTP/3.0")
	}
}

// forceHTTP3 returns the flags of a Chromium that speaks HTTP/3 with the front
// from the start, and takes the certificate for it that the front has.
func (f front) forceHTTP3(t *testing.T) []string {
	t.Helper()
	_, address, _ := strings.Cut(f.url, "://")
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the host's own
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	key := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return []string{
		"--origin-to-force-quic-on=" + address,
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:]),
	}
}

// caddyLogging is Caddy with an access log.
func caddyLogging(path string) caddy {
	return caddy{proxy: func(upstreams string) string {
		return "log {\noutput file " + path + "\n}\n" + caddyShorthand.proxy(upstreams)
	}}
}

// linesWith returns the lines of an access log that have this in them, but for
// one that is just being written.
func linesWith(t *testing.T, path, part string) []string {
	t.Helper()
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(log)) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}
