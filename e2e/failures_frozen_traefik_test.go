package e2e

import (
	"maps"
	"net/http"
	"slices"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// traefikWithHeaderTimeout is Traefik with retry and the plugin, and with a
// responseHeaderTimeout for the requests that a rule matches.
func traefikWithHeaderTimeout(rule string) testbed.Traefik {
	h := testbed.Traefik{Chain: []string{testbed.RetryMiddleware, testbed.PluginMiddleware}}
	h.Change = func(http object) {
		routers, services := http["routers"].(object), http["services"].(object)
		balancer := maps.Clone(services["site0"].(object)["loadBalancer"].(object))
		balancer["serversTransport"] = "impatient"
		router := maps.Clone(routers["site0"].(object))
		router["rule"], router["service"] = rule, "impatient"
		services["impatient"], routers["impatient"] = object{"loadBalancer": balancer}, router
		http["serversTransports"] = object{"impatient": object{
			"forwardingTimeouts": object{"responseHeaderTimeout": "2s", "idleConnTimeout": "2s"},
		}}
	}
	return h
}

// The servers hold polls for up to their pingInterval, of 25 seconds here.
func TestTraefikBreaksHeldPollsWithAResponseHeaderTimeout(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b"})
	f := traefikWithHeaderTimeout("PathPrefix(`/socket.io/`)").Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	e := testbed.NewEngine(t, f)
	e.HandshakeBound(t)
	assert.Equal(t, http.StatusGatewayTimeout, e.Do(t, http.MethodGet, "", nil).StatusCode)
}

// With a router of their own, only handshakes have the timeout. Traefik does not
// retry them, as it has sent them.
func TestTraefikAnswersHandshakesOfAFrozenServerWith504(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b"}, "--ping-interval", "300000")
	h := traefikWithHeaderTimeout("PathPrefix(`/socket.io/`) && !QueryRegexp(`sid`, `.+`)")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	open := testbed.OpenSessionOn(t, f, "b")
	polled := make(chan testbed.Reply, 1)
	go func() { polled <- open.Do(t, http.MethodGet, "", nil) }()
	nodes[0].Signal(t, syscall.SIGSTOP)

	// Servers take turns.
	polls, webSockets := map[int]int{}, map[int]int{}
	for range 2 {
		polls[testbed.NewEngine(t, f).Do(t, http.MethodGet, "", nil).StatusCode]++
	}
	for range 2 {
		webSockets[testbed.WebSocket(t, f, "", nil).StatusCode]++
	}
	assert.Equal(t, map[int]int{http.StatusOK: 1, http.StatusGatewayTimeout: 1}, polls)
	assert.Equal(t, map[int]int{http.StatusSwitchingProtocols: 1, http.StatusGatewayTimeout: 1}, webSockets)

	o := testbed.Clients{
		URL: f.URL, Count: 12, TransportsInTurn: testbed.Transports, Messages: 2, MaxBytes: 2000, Reconnect: true,
	}.Run(t)
	assert.Equal(t, o.Clients, o.Connected)
	assert.NotContains(t, o.PerNode, "a")
	assert.NotEmpty(t, o.ConnectErrors)
	slices.Sort(o.ConnectedAfter)
	t.Logf("%s: connect errors %v; %d clients connected after %v ms", t.Name(), o.ConnectErrors, o.Connected, o.ConnectedAfter)
	assert.Empty(t, polled, "the poll of an open session has no timeout")
	open.Post(t, `421["echo","still there"]`)
	assert.Contains(t, (<-polled).Text, "still there")
}
