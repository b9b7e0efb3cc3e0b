package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sessions hold whatever Caddy listens on, and on TCP sockets through reloads too:
// with several hosts on one port, on IPv6, and on a range of ports.
func TestCaddyHoldsSessionsWhateverItListensOn(t *testing.T) {
	nodes, unixNodes := startNodes(t, []string{"a", "b", "c"}), startUnixNodes(t, "d", "e", "f")
	upstreams, unixUpstreams := site{upstreams: addresses(nodes)}, site{upstreams: addresses(unixNodes)}
	generation := 0
	c := changing(caddyShorthand, &generation)
	bound := func(to string) caddy {
		return caddy{proxy: func(upstreams string) string { return "bind " + to + "\n" + c.proxy(upstreams) }}
	}

	// Two hosts on one port, each with nodes of its own, and both on two addresses.
	first := front{url: "http://" + freeAddress(t)}
	second := front{url: "http://127.0.0.2:" + first.port()}
	six := front{url: "http://[::1]:" + first.port()}
	ranged := freePorts(t, 3)
	// A Unix socket, with a site in front of it that clients can dial.
	socket, outer := filepath.Join(shortTempDir(t), "site"), front{url: "http://" + freeAddress(t)}
	sites := func() string {
		return bound("127.0.0.1 127.0.0.2").block(first, upstreams) + bound("127.0.0.1 127.0.0.2").block(second, unixUpstreams) +
			// Polling in Node.js has the host ::1 without its brackets: any host.
			bound("::1").block(front{url: "http://:" + six.port()}, upstreams) + c.block(ranged[0], upstreams) +
			bound("unix/"+socket).block(front{url: "http://127.0.0.1:80"}, unixUpstreams) +
			outer.url + " {\nreverse_proxy unix/" + socket + "\n}\n"
	}
	running := startCaddy(t, sites(), first, second, six, ranged[0], outer)
	load := func() {
		running.loadRanged(t, sites(), ranged)
		for _, f := range append([]front{first, second, six, outer}, ranged...) {
			requireTakenOver(t, f, generation)
		}
	}
	load()

	// Caddy's own sockets lose connections at a reload, those of the site in front
	// and the Unix socket.
	for _, transport := range [][]string{{"polling"}, {"polling", "websocket"}} {
		c := crowd{URL: outer.url, Clients: 12, Transports: transport, Messages: 4, MaxBytes: 20_000}
		o := c.run(t)
		o.assertHeld(t)
		o.assertSpread(t, unixNodes)
	}

	var talking runningCrowds
	for _, f := range append([]front{first, second, six}, ranged...) {
		talking = append(talking, crowd{
			URL: f.url, Clients: 12, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000, Hold: "talk", Pause: 250,
		}.start(t))
	}
	for _, r := range talking {
		r.requireReady(t)
	}
	e := newRestlessEngine(t, ranged[0])
	e.handshake(t)
	node := e.connect(t)
	for generation = 1; generation <= 3; generation++ {
		load()
		e.front = ranged[generation-1] // a session is the same through every port
		assert.Equal(t, node, e.echo(t, "still there"))
	}
	all := talking.finishHeld(t)
	for _, n := range append(nodes, unixNodes...) {
		assert.Positive(t, all.PerNode[n.name], "sessions on node %s, of %v", n.name, all.PerNode)
	}
}

// loadRanged replaces the running config by a Caddyfile, of which it has the
// server on the first of some ports listen on all of them. A Caddyfile cannot say
// so.
func (c *runningCaddy) loadRanged(t *testing.T, sites string, ports []front) {
	t.Helper()
	status, adapted := c.request(t, http.MethodPost, "/adapt", "text/caddyfile", c.caddyfile(sites))
	require.Equal(t, http.StatusOK, status, adapted)
	var answer struct{ Result json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(adapted), &answer))
	one := `"` + ports[0].address() + `"`
	config := string(answer.Result)
	require.Equal(t, 1, strings.Count(config, one), config)
	config = strings.Replace(config, one, `"`+ports[0].address()+"-"+ports[len(ports)-1].port()+`"`, 1)
	status, said := c.request(t, http.MethodPost, "/load", "application/json", config)
	require.Equal(t, http.StatusOK, status, said)
}

// freePorts returns fronts on so many ports in a row, on which nothing listens.
func freePorts(t *testing.T, count int) []front {
	t.Helper()
	var fronts []front
	requireSoon(t, "free ports in a row", func() bool {
		host, port, err := net.SplitHostPort(freeAddress(t))
		require.NoError(t, err)
		first, err := strconv.Atoi(port)
		require.NoError(t, err)
		fronts = nil
		for i := range count {
			address := fmt.Sprintf("%s:%d", host, first+i)
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
			if err != nil {
				return false
			}
			_ = listener.Close()
			if _, taken := takenPorts.LoadOrStore(first+i, true); taken && i > 0 {
				return false
			}
			fronts = append(fronts, front{url: "http://" + address})
		}
		return true
	})
	return fronts
}
