package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// startExampleNode runs examples/node/server.js at an address, and returns once it
// is healthy. On SIGTERM it drains for at most this many seconds.
func startExampleNode(t *testing.T, name, address, redis string, drainSeconds int) *testbed.Node {
	t.Helper()
	testbed.RequireNodeModules(t)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(testbed.Path("examples", "node"))))
	require.NoError(t, os.Symlink(testbed.Path("testdata", "socketio", "node_modules"), filepath.Join(dir, "node_modules")))

	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n := &testbed.Node{Name: name, Addr: address, Process: testbed.StartProcess(t, local.Options{
		Name: "node " + name, Dir: dir, Supervise: true, Args: []string{"node", "server.js"},
		Env: []string{"NODE=" + name, "HOST=" + host, "PORT=" + port, "REDIS_URL=" + redis, fmt.Sprint("DRAIN_SECONDS=", drainSeconds)},
	})}
	testbed.RequireEventually(t, "node "+name+" is healthy", func() bool {
		n.RequireRunning(t)
		resp, err := testbed.Endpoint{URL: "http://" + address}.Get("/health")
		return err == nil && resp.StatusCode == http.StatusOK
	})
	return n
}
