package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCaddyFollowsTheAddressesOfAName(t *testing.T) {
	testNodesAreFoundByName(t, func(resolver, port string) caddy {
		return caddyOver("dynamic a {\nname " + nodesName + "\nport " + port + "\nrefresh 100ms\nresolvers " + resolver + "\nversions ipv4\n}")
	})
}

func TestCaddyFollowsTheServicesOfAName(t *testing.T) {
	testNodesAreFoundByName(t, func(resolver, _ string) caddy {
		return caddyOver(
			"dynamic srv "+nodesService+" {\nrefresh 100ms\nresolvers "+resolver+"\n}",
			"transport http {\nkeepalive 2s\nresolvers "+resolver+"\n}")
	})
}

// caddyOver is the socketio directive with upstreams that these lines of its
// block find.
func caddyOver(lines ...string) caddy {
	return caddy{proxy: func(string) string {
		return "socketio {\n" + strings.Join(lines, "\n") + "\n}"
	}}
}

// testNodesAreFoundByName has a name stand for other nodes while clients talk:
// first for one more, then for one less, and in another order all the while.
// The host asks again every 100 ms.
func testNodesAreFoundByName(t *testing.T, over func(resolver, port string) caddy) {
	t.Helper()
	const clients = 30
	_, port, err := net.SplitHostPort(freeAddress(t))
	require.NoError(t, err)
	var addrs []string
	for i := range 3 {
		addrs = append(addrs, fmt.Sprintf("127.0.0.%d:%s", 11+i, port))
	}
	nodes := startNodesAt(t, addrs, []string{"a", "b", "c"}, "--ping-interval", "600000")
	names := startNameServer(t, nodes[:2])
	f := over(names.addr, port).serve(t, site{})[0]

	each := crowd{URL: f.url, Clients: clients, Messages: 2, MaxBytes: 2000, Pause: 100, Reconnect: true}
	sockets, polls := each, each
	sockets.Transports, sockets.Hold = []string{"websocket"}, "talk"
	polls.Transports, polls.Hold = []string{"polling"}, "listen"
	talking, listening := sockets.start(t), polls.start(t)
	talking.requireReady(t)
	listening.requireReady(t)
	bound := openedOn(t, f, "a")

	names.name(nodes)
	requireSoon(t, "a new session on the new node", func() bool {
		listening.do(t, "round")
		e := newEngine(t, f)
		e.handshakeReply(t)
		return e.connect(t) == "c"
	})
	o := listening.do(t, "round")
	assert.Empty(t, o.Lost, "sessions lost to a new node, by node")

	names.name(nodes[1:])
	requireSoon(t, "the end of a session on the removed node", func() bool {
		listening.do(t, "round")
		return bound.do(t, http.MethodPost, `42["nobody listens"]`, nil).StatusCode == http.StatusBadRequest
	})
	listening.do(t, "round")

	finishWithoutA(t, listening, talking)
}
