package testbed

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Node is a running Socket.IO server.
type Node struct {
	*Process
	Name string
	Addr string // host:port

	shared bool // the process has other nodes too
}

// Kill kills a node that has a process of its own.
func (n *Node) Kill() {
	n.mustBeAlone()
	n.Process.Kill()
}

// Signal sends a signal to a node that has a process of its own.
func (n *Node) Signal(t *testing.T, signal os.Signal) {
	t.Helper()
	n.mustBeAlone()
	n.Process.Signal(t, signal)
}

func (n *Node) mustBeAlone() {
	if n.shared {
		panic("node " + n.Name + " shares its process with others: use StartKillableNodes")
	}
}

// NodeStarter starts one node for each name and returns them once all are up.
type NodeStarter func(t *testing.T, names []string, flags ...string) []*Node

// StartNodes starts one stock node, testdata/socketio/node.js, for each name
// and returns them once all are up. The flags are those of node.js. The nodes share
// one process, which other tests have after this one, as each process costs more than most
// tests do with it: a test that ends or stops nodes uses [StartKillableNodes].
func StartNodes(t *testing.T, names []string, flags ...string) []*Node {
	t.Helper()
	RequireNodeModules(t)
	args := slices.Clone(flags)
	for _, name := range names {
		args = append(args, "--name", name)
	}
	var p *Process
	if len(names) == 1 || slices.Contains(flags, "--redis") { // a Redis would keep its connections
		p = start(t, "nodes "+strings.Join(names, " "), nil, append([]string{"node", Path("testdata", "socketio", "node.js")}, args...)...)
	} else {
		p = nodeProcesses.take(t, func() bool { return p.endRun(t) })
		p.sendLine(t, args)
	}
	nodes := make([]*Node, len(names))
	for i, name := range names {
		nodes[i] = &Node{Name: name, Addr: "127.0.0.1", Process: p, shared: len(names) > 1}
		nodes[i].readPort(t)
	}
	return nodes
}

// StartNodesAt starts nodes as [StartNodes] does, at these addresses, and each in a
// process of its own.
func StartNodesAt(t *testing.T, addrs, names []string, flags ...string) []*Node {
	t.Helper()
	RequireNodeModules(t)
	return startEach(t, addrs, names, append([]string{"node", Path("testdata", "socketio", "node.js")}, flags...))
}

// StartGoNodes starts nodes written in Go, testdata/goserver. The flags are its
// own.
func StartGoNodes(t *testing.T, names []string, flags ...string) []*Node {
	t.Helper()
	_, err := os.Stat(Binary("goserver"))
	require.NoError(t, err, "there is no bin/goserver: run make goserver")
	return startEach(t, nil, names, append([]string{Binary("goserver")}, flags...))
}

// startEach starts a program once for each name, on any free port unless
// addresses are given.
func startEach(t *testing.T, addrs, names, argv []string) []*Node {
	t.Helper()
	nodes := make([]*Node, len(names))
	for i, name := range names {
		host, flags := "127.0.0.1", []string{"--name", name}
		if addrs != nil {
			h, port, err := net.SplitHostPort(addrs[i])
			require.NoError(t, err)
			host, flags = h, append(flags, "--host", h, "--port", port)
		}
		nodes[i] = &Node{Name: name, Addr: host, Process: start(t, "node "+name, nil, slices.Concat(argv, flags)...)}
	}
	for _, n := range nodes {
		n.readPort(t)
	}
	return nodes
}

// readPort waits until the node is up and says its port.
func (n *Node) readPort(t *testing.T) {
	t.Helper()
	var up struct{ Port int }
	line := n.Line(t)
	require.NoError(t, json.Unmarshal([]byte(line), &up), "reading %q of node %s", line, n.Name)
	n.Addr = net.JoinHostPort(n.Addr, strconv.Itoa(up.Port))
}

// StartKillableNodes starts nodes as [StartNodes] does, each in a process of its own,
// on ports that no other program takes while a node is down.
func StartKillableNodes(t *testing.T, names []string, flags ...string) []*Node {
	t.Helper()
	addrs := make([]string, len(names))
	for i := range addrs {
		addrs[i] = FreeAddress(t)
	}
	return StartNodesAt(t, addrs, names, flags...)
}

// StartUnixNodes starts a stock node for each name, each on a Unix socket of
// its own. Their addresses are those of upstreams in a Caddyfile.
func StartUnixNodes(t *testing.T, names ...string) []*Node {
	t.Helper()
	RequireNodeModules(t)
	dir := ShortTempDir(t)
	nodes := make([]*Node, len(names))
	for i, name := range names {
		path := filepath.Join(dir, name)
		nodes[i] = &Node{
			Name: name, Addr: "unix/" + path,
			Process: start(t, "node "+name, nil, "node", Path("testdata", "socketio", "node.js"), "--name", name, "--socket", path),
		}
	}
	for _, n := range nodes {
		n.Line(t)
	}
	return nodes
}

// ShortTempDir returns a directory for Unix sockets, whose paths are limited in
// length: the test's own directory has the name of the test in it.
func ShortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "unix-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// Addresses returns the addresses of nodes.
func Addresses(nodes []*Node) []string {
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		addrs[i] = n.Addr
	}
	return addrs
}
