package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Two proxies with different secrets do not know each other's tags. A request
// that goes through the wrong one reaches a node that the proxy would choose for
// a new session, with the tag. The node answers what it answers when a session is
// lost, and the client reconnects.
func TestCaddySaysThatAnotherProxyHasAnotherSecret(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	proxies := startAtOdds(t, nodes)
	for i, wrong := range proxies {
		right := proxies[1-i]
		for range 9 {
			e := newRestlessEngine(t, right.front)
			e.handshakeReply(t)
			e.front = wrong.front
			r := e.do(t, http.MethodPost, "3", nil)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.body)

			e.sid = ""
			e.handshakeReply(t)
			assert.Equal(t, e.connect(t), e.echo(t, "here again"))
		}
		assert.Positive(t, wrong.warnings(), "warnings of the proxy with the secret %q", wrong.secret)
	}
}

// A WebSocket is one connection, and is not lost.
func TestCaddyHoldsWebSocketsWhenAnotherProxyHasAnotherSecret(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	proxies := startAtOdds(t, nodes)
	b := startBalancer(t, frontsOf(proxies))

	o := manyProxies.crowdOf(b.front, []string{"websocket"}).run(t)
	o.assertHeld(t)
	o.assertSpread(t, nodes)
	for _, p := range proxies {
		assert.Zero(t, p.warnings(), "warnings of the proxy with the secret %q", p.secret)
	}
}

// Polling clients lose their sessions again and again, and connect anew again
// and again, until the proxies have the same secret. Then all come to rest.
func TestClientsComeBackUntilProxiesHaveTheSameSecret(t *testing.T) {
	const clients = 40
	nodes := startNodes(t, []string{"a", "b", "c"})
	proxies := startAtOdds(t, nodes)
	b := startBalancer(t, frontsOf(proxies))

	talking := crowd{
		URL: b.url, Clients: clients, Transports: []string{"polling"}, Messages: 2, MaxBytes: 2000,
		Hold: "talk", Pause: 10, Reconnect: true,
	}.start(t)
	requireSoon(t, "both proxies have had a hundred requests of the other's sessions", func() bool {
		return proxies[0].warnings() >= 3 && proxies[1].warnings() >= 3
	})
	proxies[1].load(t, proxies[0].block(proxies[1].front, plain.siteOf(nodes)))

	talking.requireReady(t)
	o := talking.finish(t)
	t.Logf("%s: sessions lost before a greeting %d, after it %d", t.Name(), o.Ungreeted, o.Disconnects)
	o.assertRight(t)
	assert.Equal(t, clients, o.Connected, "clients that a node greeted")
	assert.GreaterOrEqual(t, o.Ungreeted+o.Disconnects, clients, "sessions lost")
}

// atOdds is a Caddy whose secret is its own.
type atOdds struct {
	caddy
	*runningCaddy
	front  front
	secret string
}

// startAtOdds starts two Caddys with different secrets in front of the same
// nodes.
func startAtOdds(t *testing.T, nodes []*node) []atOdds {
	t.Helper()
	var proxies []atOdds
	for _, secret := range []string{"one", "another"} {
		p := atOdds{caddy: caddyWith("secret " + secret), secret: secret}
		fronts, block := p.sites(t, plain.siteOf(nodes))
		p.front = fronts[0]
		p.runningCaddy = startCaddy(t, block, p.front)
		proxies = append(proxies, p)
	}
	return proxies
}

func frontsOf(proxies []atOdds) []front {
	fronts := make([]front, len(proxies))
	for i, p := range proxies {
		fronts[i] = p.front
	}
	return fronts
}

// warnings counts what the log says of sessions whose tags nobody has: at the
// first request of such a session, at the tenth, and so on.
func (p atOdds) warnings() int {
	count := 0
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, `"level":"warn"`) && strings.Contains(line, `"reason":"unknown_tag"`) {
			count++
		}
	}
	return count
}
