package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// node is a running Socket.IO server.
type node struct {
	*process
	name string
	addr string // host:port
}

// starter starts one node for each name and returns them once all are up.
type starter func(t *testing.T, names []string, flags ...string) []*node

// startNodes starts one stock node, testdata/socketio/node.js, for each name and
// returns them once all are up. The flags are those of node.js.
func startNodes(t *testing.T, names []string, flags ...string) []*node {
	t.Helper()
	return startNodesAt(t, nil, names, flags...)
}

// startNodesAt starts nodes as startNodes does, each at an address of its own.
func startNodesAt(t *testing.T, addrs, names []string, flags ...string) []*node {
	t.Helper()
	requireNodeModules(t)
	return startEach(t, addrs, names, append([]string{"node", filepath.Join(socketioDir, "node.js")}, flags...))
}

// startGoNodes starts nodes that are not stock ones, testdata/goserver. The
// flags are its own.
func startGoNodes(t *testing.T, names []string, flags ...string) []*node {
	t.Helper()
	_, err := os.Stat(goserverBinary)
	require.NoError(t, err, "there is no bin/goserver: run make goserver")
	return startEach(t, nil, names, append([]string{goserverBinary}, flags...))
}

// startEach starts a program once for each name, on any free port unless there
// are addresses.
func startEach(t *testing.T, addrs, names, argv []string) []*node {
	t.Helper()
	nodes := make([]*node, len(names))
	for i, name := range names {
		host, flags := "127.0.0.1", []string{"--name", name}
		if addrs != nil {
			h, port, err := net.SplitHostPort(addrs[i])
			require.NoError(t, err)
			host, flags = h, append(flags, "--host", h, "--port", port)
		}
		nodes[i] = &node{name: name, addr: host, process: start(t, "node "+name, nil, slices.Concat(argv, flags)...)}
	}
	for _, n := range nodes {
		var up struct{ Port int }
		line := n.line(t)
		require.NoError(t, json.Unmarshal([]byte(line), &up), "reading %q of node %s", line, n.name)
		n.addr = net.JoinHostPort(n.addr, strconv.Itoa(up.Port))
	}
	return nodes
}

// startMortals starts nodes as startNodes does, on ports that are still free
// when they are dead.
func startMortals(t *testing.T, names []string, flags ...string) []*node {
	t.Helper()
	addrs := make([]string, len(names))
	for i := range addrs {
		addrs[i] = freeAddress(t)
	}
	return startNodesAt(t, addrs, names, flags...)
}

// whoami is what a node says of itself.
type whoami struct {
	Node    string
	Clients int // open sessions
	Waiting int // of them, those whose poll waits at the node

	Preflights int // OPTIONS requests with a session ID that it has seen
	Strays     int // of them, those whose session was never here
}

func (n *node) whoami(t *testing.T) whoami {
	t.Helper()
	resp, err := guardedClient.Get("http://" + n.addr + "/whoami")
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	var answer whoami
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	return answer
}

func addresses(nodes []*node) []string {
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		addrs[i] = n.addr
	}
	return addrs
}

func requireNodeModules(t *testing.T) {
	t.Helper()
	for _, module := range []string{"engine.io-client", "playwright-core", "socket.io", "socket.io-client"} {
		_, err := os.Stat(filepath.Join(socketioDir, "node_modules", module))
		require.NoError(t, err, "the Socket.IO packages are not installed: run make deps")
	}
}

// takenPorts has every port that freeAddress has given away.
var takenPorts sync.Map

// freeAddress returns a loopback address that nothing listens on, for a program
// that has to be told one. Its port is below those that the kernel gives to
// outgoing connections: the crowds make thousands, and one could have it by the
// time that the program listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	const first, last = 15000, 32000
	for range last - first {
		port := first + rand.IntN(last-first)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		if _, taken := takenPorts.LoadOrStore(port, true); !taken {
			return address
		}
	}
	require.FailNow(t, "no free port", "from %d to %d", first, last)
	return ""
}
