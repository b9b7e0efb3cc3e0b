package testbed

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// StartRedis runs a Redis without persistence until the test ends, and returns
// its URL once it answers.
func StartRedis(t *testing.T) string {
	t.Helper()
	_, err := exec.LookPath("redis-server")
	require.NoError(t, err, "there is no redis-server: run make deps")
	address := FreeAddress(t)
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	p := StartProcess(t, local.Options{Name: "redis", Supervise: true, Args: []string{
		"redis-server", "--bind", host, "--port", port, "--dir", t.TempDir(), "--save", "", "--appendonly", "no",
	}})
	RequireEventually(t, "redis answers at "+address, func() bool {
		p.RequireRunning(t)
		return pings(address)
	})
	return "redis://" + address
}

// pings reports whether a Redis answers.
func pings(address string) bool {
	conn, err := net.DialTimeout("tcp", address, Timeout)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(Timeout)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, len("+PONG\r\n"))
	n, _ := conn.Read(answer)
	return string(answer[:n]) == "+PONG\r\n"
}
