package e2e

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startRedis runs a Redis that keeps nothing until the test ends, and returns
// its URL once it answers.
func startRedis(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	require.NoError(t, err, "there is no redis-server: run make deps")
	address := freeAddress(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	p := startTethered(t, "redis", nil, "redis-server",
		"--bind", host, "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no")
	requireSoon(t, "redis answers at "+address, func() bool {
		p.requireRuns(t)
		return pings(address)
	})
	return "redis://" + address
}

// pings reports whether a Redis answers.
func pings(address string) bool {
	conn, err := net.DialTimeout("tcp", address, guard)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(guard)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, len("+PONG\r\n"))
	n, _ := conn.Read(answer)
	return string(answer[:n]) == "+PONG\r\n"
}
