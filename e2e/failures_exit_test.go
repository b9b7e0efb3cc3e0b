package e2e

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// TestCaddyExitsWhileAReloadWaitsForConnections has a client connect without
// sending a request, for which a reload waits, and ends Caddy meanwhile. The
// grace period bounds what Caddy itself waits for then.
func TestCaddyExitsWhileAReloadWaitsForConnections(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"})
	generation := 0
	endpoints, _ := testbed.WithGeneration(testbed.CaddyShorthand, &generation).Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	block := func() string {
		generation++
		return testbed.WithGeneration(testbed.CaddyShorthand, &generation).SiteBlock(endpoints[0], testbed.Site{Upstreams: testbed.Addresses(nodes)})
	}
	c := testbed.Caddy{GlobalOptions: "grace_period 100ms"}.ExpectingErrors("server graceful shutdown 0s timeout").Start(t, block(), endpoints[0])
	silent := func() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(endpoints[0].URL, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		// Caddy accepts connections in turn: once this one is answered, it has
		// accepted the silent one.
		_, err = endpoints[0].Get("/")
		require.NoError(t, err)
	}

	silent()
	start := time.Now()
	c.Load(t, block())
	waited := time.Since(start)

	silent()
	replaced := block()
	go func() { // Caddy ends before it answers
		resp, err := http.Post("http://"+c.Admin+"/load", "text/caddyfile", strings.NewReader(c.Caddyfile(replaced)))
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	testbed.RequireGenerationReplaced(t, endpoints[0], generation)
	start = time.Now()
	c.Signal(t, syscall.SIGTERM)
	testbed.RequireEventually(t, "Caddy has exited", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(endpoints[0].URL, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	took := time.Since(start)
	t.Logf("%s: a reload waited %s, Caddy exited in %s", t.Name(), waited, took)
	assert.Less(t, took, waited/2)
}
