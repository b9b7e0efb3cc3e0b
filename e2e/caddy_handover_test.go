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
)

// TestCaddyExitsWhileAReloadWaitsForConnections has a client connect and say
// nothing, for which a reload waits, and ends Caddy meanwhile. The grace period
// is for what Caddy itself waits for then.
func TestCaddyExitsWhileAReloadWaitsForConnections(t *testing.T) {
	nodes := startNodes(t, []string{"a"})
	generation := 0
	fronts, _ := changing(caddyShorthand, &generation).sites(t, site{upstreams: addresses(nodes)})
	block := func() string {
		generation++
		return changing(caddyShorthand, &generation).block(fronts[0], site{upstreams: addresses(nodes)})
	}
	c := caddy{options: "grace_period 100ms"}.expecting("server graceful shutdown 0s timeout").start(t, block(), fronts[0])
	silent := func() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(fronts[0].url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		// Connections are accepted in turn: once this one is answered, Caddy has
		// the silent one.
		_, err = fronts[0].get("/")
		require.NoError(t, err)
	}

	silent()
	start := time.Now()
	c.load(t, block())
	waited := time.Since(start)

	silent()
	replaced := block()
	go func() { // Caddy ends before it answers
		resp, err := http.Post("http://"+c.admin+"/load", "text/caddyfile", strings.NewReader(c.caddyfile(replaced)))
		if err == nil {
			_ = resp.Body.Close()
		}
	}()
	requireTakenOver(t, fronts[0], generation)
	start = time.Now()
	require.NoError(t, syscall.Kill(-c.cmd.Process.Pid, syscall.SIGTERM))
	requireSoon(t, "Caddy has exited", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(fronts[0].url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	took := time.Since(start)
	t.Logf("%s: a reload waited %s, Caddy exited in %s", t.Name(), waited, took)
	assert.Less(t, took, waited/2)
}
