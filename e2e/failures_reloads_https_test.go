package e2e

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// The site is served over HTTPS as Caddy does by default: over HTTP/1.1, HTTP/2
// and HTTP/3, beside a server on the HTTP port that redirects to it.
func TestCaddyHoldsSessionsOverHTTPSAndHTTP3ThroughReloads(t *testing.T) {
	t.Parallel()
	access := filepath.Join(t.TempDir(), "access.log")
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	admin, plainly, f := testbed.FreeAddress(t), testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}, testbed.Endpoint{URL: "https://" + testbed.FreeAddress(t)}
	generation := 0
	c := testbed.WithGeneration(testbed.CaddyLogging(access), &generation)
	caddyfile := func() string {
		return fmt.Sprintf("{\nadmin %s\ndefault_bind 127.0.0.1\nskip_install_trust\nhttp_port %s\nhttps_port %s\n}\n",
			admin, plainly.Port(), f.Port()) +
			c.SiteBlock(testbed.Endpoint{URL: "https://127.0.0.1"}, testbed.Site{Upstreams: testbed.Addresses(nodes), HTTPS: true})
	}
	running := testbed.StartCaddyfile(t, admin, caddyfile(), f)
	// Caddy logs a 502 for the polls of a browser that leaves over HTTP/3, as if their
	// node had failed.
	running.ExpectedErrors = []string{testbed.BadGateway}
	testbed.RequireEventually(t, "Caddy listens on its HTTP port", func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", plainly.Address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	requireRedirectAndHTTP3 := func() {
		resp, _ := plainly.Fetch(t, "/socket.io/?EIO=4&transport=polling")
		require.Equal(t, http.StatusPermanentRedirect, resp.StatusCode)
		// Caddy omits https_port, as it expects 443 to be mapped to it.
		require.Equal(t, "https://127.0.0.1/socket.io/?EIO=4&transport=polling", resp.Header.Get("Location"))
		resp, _ = f.Fetch(t, "/health")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, resp.Header.Get("Alt-Svc"), `h3=":`+f.Port()+`"`)
	}
	requireRedirectAndHTTP3()

	// The browser speaks only HTTP/3, and goes on polling through the reloads.
	active := startClientsForReloads(t, f, testbed.Plain, 75)
	c3 := testbed.PageClients(f, testbed.SocketIO4Build, "polling")
	c3.Messages = 24
	browser := testbed.StartBrowser(t, testbed.BrowserOptions{Flags: f.ForceHTTP3(t)}).Start(t, c3)
	seen := 0
	for {
		testbed.RequireEventually(t, "the browser polls", func() bool {
			return len(browser.Lines) > 0 || len(testbed.LinesWith(t, access, `"proto":"HTTP/3.0"`)) >= seen+50
		})
		if len(browser.Lines) > 0 {
			break
		}
		generation++
		running.LoadCaddyfile(t, caddyfile())
		testbed.RequireGenerationReplaced(t, f, generation)
		requireRedirectAndHTTP3()
		seen = len(testbed.LinesWith(t, access, `"proto":"HTTP/3.0"`))
	}
	// When Caddy's HTTP/3 server stops it refuses requests that are on their way. A
	// poll of the browser may be one.
	o := browser.Wait(t)
	assert.Equal(t, o.Clients, o.Connected, "clients in the page that connected")
	t.Logf("%s: over HTTP/3 %d of %d clients lost their session", t.Name(), o.Disconnects, o.Clients)
	t.Logf("%s: %d reloads while the browser talked", t.Name(), generation)
	assert.GreaterOrEqual(t, generation, 2, "reloads while the browser talked")
	active.FinishHeld(t)
}
