package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// caddySecret is one of several Caddys that have a secret in common.
var caddySecret = caddyWith("secret theirs-and-nobody-else's")

// manyProxies is a crowd of the usual size that says less than usual: what
// counts is that its requests go through one proxy after the other.
var manyProxies = func() setting {
	s := plain.small()
	s.clients = 60
	return s
}()

func TestCaddyHoldsSessionsAcrossProxies(t *testing.T) {
	testSessionsHoldAcrossProxies(t, caddySecret)
}

func TestTraefikHoldsSessionsAcrossProxies(t *testing.T) {
	testSessionsHoldAcrossProxies(t, traefikPlugin)
}

// testSessionsHoldAcrossProxies has several proxies that know nothing of each
// other in front of the same nodes, and clients that make a connection for each
// request, which may go to any of them.
func testSessionsHoldAcrossProxies(t *testing.T, h host) {
	t.Helper()
	for _, proxies := range []int{2, 3} {
		t.Run(fmt.Sprintf("%d of them", proxies), func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
			b := startBalancer(t, serveTimes(t, proxies, h, manyProxies.siteOf(nodes)))
			t.Run("each in turn", func(t *testing.T) {
				testEachProxyInTurn(t, b)
			})
			for _, transport := range transports {
				t.Run(strings.Join(transport, " and "), func(t *testing.T) {
					since := b.connections()
					o := manyProxies.crowdOf(b.front, transport).run(t)
					o.assertHeld(t)
					o.assertSpread(t, nodes)
					passed := b.assertPassed(t, since, o.Replies)
					t.Logf("%s: %d replies, connections by proxy %v", t.Name(), o.Replies, passed)
				})
			}
		})
	}
}

// testEachProxyInTurn sends the requests of a session one by one, so that it is
// sure which proxy each goes through.
func testEachProxyInTurn(t *testing.T, b *balancer) {
	t.Helper()
	for range 9 {
		e := newRestlessEngine(t, b.front)
		since := b.connections()
		opened := e.handshakeReply(t)
		requests := 2 * len(b.proxies)
		for range requests {
			r := e.post(t, "3")
			assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			assert.Equal(t, e.ownSID(), seenSID(t, r))
		}
		b.assertPassed(t, since, 1+requests)

		greeter := e.connect(t)
		assert.Equal(t, opened.Header.Get("X-Node"), greeter)
		assert.Equal(t, greeter, e.echo(t, "still there"))
	}
}

// serveTimes starts a host several times, each for the same site.
func serveTimes(t *testing.T, times int, h host, s site) []front {
	t.Helper()
	var fronts []front
	for range times {
		fronts = append(fronts, h.serve(t, s)...)
	}
	return fronts
}

// newRestlessEngine returns an engine that makes a connection for each request.
func newRestlessEngine(t *testing.T, f front) *engine {
	t.Helper()
	e := newEngine(t, f)
	e.client.Transport.(*http.Transport).DisableKeepAlives = true
	return e
}
