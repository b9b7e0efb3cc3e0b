package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// caddyWithSharedSecret is one of several Caddys with the same secret.
var caddyWithSharedSecret = testbed.CaddyWith("secret shared-by-all-proxies")

func TestCaddyHoldsSessionsAcrossProxies(t *testing.T) {
	t.Parallel()
	testSessionsHoldAcrossProxies(t, caddyWithSharedSecret)
}

func TestTraefikHoldsSessionsAcrossProxies(t *testing.T) {
	t.Parallel()
	testSessionsHoldAcrossProxies(t, testbed.TraefikPlugin)
}

// testSessionsHoldAcrossProxies has several independent proxies in front of the
// same nodes, and clients that open a connection for each request, which may go
// to any of them.
func testSessionsHoldAcrossProxies(t *testing.T, h testbed.Proxy) {
	t.Helper()
	for _, proxies := range []int{2, 3} {
		t.Run(fmt.Sprintf("%d of them", proxies), func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
			b := testbed.StartTCPBalancer(t, testbed.ServeTimes(t, proxies, h, testbed.Plain.Small().SiteOf(nodes)))
			t.Run("each in turn", func(t *testing.T) {
				testEachProxyInTurn(t, b)
			})
			since := b.Connections()
			o := testbed.Plain.Small().RunHeld(t, b.Endpoint, testbed.Transports...)
			o.AssertBalanced(t, nodes)
			passed := b.AssertRoundRobin(t, since, o.Replies)
			t.Logf("%s: %d replies, connections by proxy %v", t.Name(), o.Replies, passed)
		})
	}
}

// testEachProxyInTurn sends the requests of a session one by one, so that it is
// certain which proxy each goes through.
func testEachProxyInTurn(t *testing.T, b *testbed.TCPBalancer) {
	t.Helper()
	for range 9 {
		e := testbed.NewEngineWithoutKeepAlive(t, b.Endpoint)
		since := b.Connections()
		opened := e.HandshakeBound(t)
		requests := 2 * len(b.Proxies)
		for range requests {
			r := e.Post(t, "3")
			assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			assert.Equal(t, e.NodeSID(), testbed.SeenSID(t, r))
		}
		b.AssertRoundRobin(t, since, 1+requests)

		node := e.Connect(t)
		assert.Equal(t, opened.Header.Get("X-Node"), node)
		assert.Equal(t, node, e.Echo(t, "still there"))
	}
}

// Two proxies with different secrets do not know each other's tags. A request
// through the wrong one goes to a node as for a new session, with the tag. The
// node answers that it does not know the session, and the client reconnects.
func TestCaddyWarnsOfAnotherSecret(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	proxies := startWithSecrets(t, nodes, "one", "another")
	for i, wrong := range proxies {
		right := proxies[1-i]
		for range 9 {
			e := testbed.NewEngineWithoutKeepAlive(t, right.endpoint)
			e.HandshakeBound(t)
			e.Endpoint = wrong.endpoint
			r := e.Do(t, http.MethodPost, "3", nil)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.Text)

			e.SID = ""
			e.HandshakeBound(t)
			assert.Equal(t, e.Connect(t), e.Echo(t, "here again"))
		}
		assert.Positive(t, wrong.warnings(), "warnings of the proxy with the secret %q", wrong.secret)
	}
}

// A WebSocket is one connection, whose session is not lost.
func TestCaddyHoldsWebSocketsWithDifferentSecrets(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	proxies := startWithSecrets(t, nodes, "one", "another")
	b := testbed.StartTCPBalancer(t, endpointsOf(proxies))

	testbed.Plain.Small().RunHeld(t, b.Endpoint, []string{"websocket"}).AssertBalanced(t, nodes)
	for _, p := range proxies {
		assert.Zero(t, p.warnings(), "warnings of the proxy with the secret %q", p.secret)
	}
}

// Clients that poll lose their sessions and reconnect in a loop until the
// secrets match.
func TestClientsReconnectUntilTheSecretsMatch(t *testing.T) {
	t.Parallel()
	const clients = 40
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	proxies := startWithSecrets(t, nodes, "one", "another")
	b := testbed.StartTCPBalancer(t, endpointsOf(proxies))

	active := testbed.Clients{
		URL: b.URL, Count: clients, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000,
		Mode: testbed.Continuous, Pause: 10, Reconnect: true,
	}.Start(t)
	testbed.RequireEventually(t, "both proxies have had a hundred requests of the other's sessions", func() bool {
		return proxies[0].warnings() >= 3 && proxies[1].warnings() >= 3
	})
	proxies[1].Load(t, proxies[0].SiteBlock(proxies[1].endpoint, testbed.Plain.SiteOf(nodes)))

	active.RequireReady(t)
	o := active.Finish(t)
	t.Logf("%s: %d sessions lost before and %d after they were connected", t.Name(), o.LostBeforeConnect, o.Disconnects)
	o.AssertCorrect(t)
	assert.Equal(t, clients, o.Connected, "clients that connected")
	assert.GreaterOrEqual(t, o.LostBeforeConnect+o.Disconnects, clients, "sessions lost")
}

// caddyWithSecret is a Caddy with a secret of its own.
type caddyWithSecret struct {
	testbed.Caddy
	*testbed.RunningCaddy
	endpoint testbed.Endpoint
	secret   string
}

// startWithSecrets starts a Caddy with each of these secrets in front of the same
// nodes.
func startWithSecrets(t *testing.T, nodes []*testbed.Node, secrets ...string) []caddyWithSecret {
	t.Helper()
	var proxies []caddyWithSecret
	for _, secret := range secrets {
		p := caddyWithSecret{Caddy: testbed.CaddyWith("secret " + secret), secret: secret}
		endpoints, block := p.Sites(t, testbed.Plain.SiteOf(nodes))
		p.endpoint = endpoints[0]
		p.RunningCaddy = testbed.StartCaddy(t, block, p.endpoint)
		proxies = append(proxies, p)
	}
	return proxies
}

func endpointsOf(proxies []caddyWithSecret) []testbed.Endpoint {
	endpoints := make([]testbed.Endpoint, len(proxies))
	for i, p := range proxies {
		endpoints[i] = p.endpoint
	}
	return endpoints
}

// warnings counts the warnings about tags that no upstream has: Caddy logs the
// first request of such a session, the tenth, and so on.
func (p caddyWithSecret) warnings() int {
	count := 0
	for line := range strings.Lines(p.Output.String()) {
		if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, `"reason":"unknown_tag"`) {
			count++
		}
	}
	return count
}
