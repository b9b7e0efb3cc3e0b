package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A site over HTTPS as Caddy serves it when it is told nothing else: over HTTP/1.1,
// HTTP/2 and HTTP/3, beside a server on the HTTP port that redirects to it.
func TestCaddyHoldsSessionsOverHTTPSAndHTTP3ThroughReloads(t *testing.T) {
	access := filepath.Join(t.TempDir(), "access.log")
	nodes := startNodes(t, []string{"a", "b", "c"})
	admin, plainly, f := freeAddress(t), front{url: "http://" + freeAddress(t)}, front{url: "https://" + freeAddress(t)}
	generation := 0
	c := changing(caddyLogging(access), &generation)
	caddyfile := func() string {
		return fmt.Sprintf("{\nadmin %s\ndefault_bind 127.0.0.1\nskip_install_trust\nhttp_port %s\nhttps_port %s\n}\n",
			admin, plainly.port(), f.port()) +
			c.block(front{url: "https://127.0.0.1"}, site{upstreams: addresses(nodes), secure: true})
	}
	running := startCaddyfile(t, admin, caddyfile(), f)
	// Caddy answers 502 to the polls of a browser that leaves over HTTP/3, as if
	// their node had failed.
	running.expects = []string{badGateway}
	requireSoon(t, "Caddy listens on its HTTP port", func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", plainly.address())
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	requireRedirectAndHTTP3 := func() {
		resp, _ := plainly.read(t, "/socket.io/?EIO=4&transport=polling")
		require.Equal(t, http.StatusPermanentRedirect, resp.StatusCode)
		// Caddy leaves an https_port out, which is what 443 is mapped to.
		require.Equal(t, "https://127.0.0.1/socket.io/?EIO=4&transport=polling", resp.Header.Get("Location"))
		resp, _ = f.read(t, "/health")
		require.Equal(t, http.StatusOK, resp.StatusCode)
		require.Contains(t, resp.Header.Get("Alt-Svc"), `h3=":`+f.port()+`"`)
	}
	requireRedirectAndHTTP3()

	// The browser speaks HTTP/3 alone, and its polls go on through the reloads.
	talking := startReloaded(t, f, plain)
	c3 := pageCrowd(f, socketIO4Build, "polling")
	c3.Messages = 40
	inPage := startBrowser(t, browserSettings{Flags: f.forceHTTP3(t)}).start(t, c3)
	seen := 0
	for {
		requireSoon(t, "the browser goes on", func() bool {
			return len(inPage.lines) > 0 || len(linesWith(t, access, `"proto":"HTTP/3.0"`)) >= seen+100
		})
		if len(inPage.lines) > 0 {
			break
		}
		generation++
		running.loadCaddyfile(t, caddyfile())
		requireTakenOver(t, f, generation)
		requireRedirectAndHTTP3()
		seen = len(linesWith(t, access, `"proto":"HTTP/3.0"`))
	}
	// Caddy's HTTP/3 server turns requests away when it stops, which are on their
	// way: a poll of the browser may be one.
	o := inPage.outcome(t)
	assert.Equal(t, o.Clients, o.Connected, "clients in the page that a node greeted")
	t.Logf("%s: over HTTP/3 %d of %d clients lost their session", t.Name(), o.Disconnects, o.Clients)
	t.Logf("%s: %d reloads while the browser talked", t.Name(), generation)
	assert.GreaterOrEqual(t, generation, 2, "reloads while the browser talked")
	talking.finishHeld(t)
}

// port is the port of the front.
func (f front) port() string {
	return f.url[strings.LastIndex(f.url, ":")+1:]
}

// start has the browser load the page, and does not wait for its crowd.
func (b *browser) start(t *testing.T, c browserCrowd) *runningCrowd {
	t.Helper()
	c.Guard = (guard / 2).Milliseconds()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	running := &runningCrowd{process: b.process, crowd: c.crowd, since: time.Now()}
	running.tell(t, string(told))
	return running
}
