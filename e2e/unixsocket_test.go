package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startUnixNodes starts a stock node for each name, each on a Unix socket of its
// own. Their addresses are those of upstreams in a Caddyfile.
func startUnixNodes(t *testing.T, names ...string) []*node {
	t.Helper()
	requireNodeModules(t)
	dir := shortTempDir(t)
	nodes := make([]*node, len(names))
	for i, name := range names {
		path := filepath.Join(dir, name)
		nodes[i] = &node{
			name: name, addr: "unix/" + path,
			process: start(t, "node "+name, nil, "node", filepath.Join(socketioDir, "node.js"), "--name", name, "--socket", path),
		}
	}
	for _, n := range nodes {
		n.line(t)
	}
	return nodes
}

// shortTempDir is a directory for Unix sockets, whose paths have to be short: a
// test's own directory has the test's name in it.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "unix-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}
