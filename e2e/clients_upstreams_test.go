package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// The nodes speak HTTPS, with certificates of one authority.
func TestCaddyHoldsSessionsOfNodesOverHTTPS(t *testing.T) {
	t.Parallel()
	cert, key := testbed.WriteCertificate(t)
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cert", cert, "--key", key)
	testUpstreams(t, caddyWithUpstreamScheme("https://", "transport http {\nkeepalive 2s\ntls_trust_pool file "+cert+"\n}"), nodes)
}

func TestCaddyHoldsSessionsOfNodesOnUnixSockets(t *testing.T) {
	t.Parallel()
	testUpstreams(t, testbed.CaddyShorthand, testbed.StartUnixNodes(t, "a", "b", "c"))
}

// testUpstreams runs clients over each of the transports at once.
func testUpstreams(t *testing.T, h testbed.Proxy, nodes []*testbed.Node) {
	t.Helper()
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	testbed.Plain.Small().RunHeld(t, f, testbed.Transports...).AssertBalanced(t, nodes)
}

// caddyWithUpstreamScheme is the directive socketio whose upstreams have a
// scheme.
func caddyWithUpstreamScheme(scheme string, options ...string) testbed.Caddy {
	return testbed.Caddy{Directive: func(upstreams string) string {
		return testbed.CaddyWith(options...).Directive(scheme + strings.Join(strings.Fields(upstreams), " "+scheme))
	}}
}

// caddySpeakingH2C is a Caddy whose sites also speak HTTP/2 without TLS.
type caddySpeakingH2C struct{}

// Serve implements [testbed.Proxy].
func (caddySpeakingH2C) Serve(t *testing.T, sites ...testbed.Site) []testbed.Endpoint {
	t.Helper()
	endpoints, blocks := testbed.CaddyShorthand.Sites(t, sites...)
	admin := testbed.FreeAddress(t)
	testbed.StartCaddyfile(t, admin, "{\nadmin "+admin+"\ndefault_bind 127.0.0.1\nservers {\nprotocols h1 h2c\n}\n}\n"+blocks, endpoints...)
	return endpoints
}

// To an upstream over HTTP/2 without TLS, Caddy can only poll: it does not
// support WebSockets there, with this module or without (Caddy 2.11.9).
func TestCaddyHoldsPollingSessionsOverH2C(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c", "d"}, "--trace")
	inner := testbed.Site{Upstreams: []string{
		caddySpeakingH2C{}.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes[:2])})[0].Address(),
		caddySpeakingH2C{}.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes[2:])})[0].Address(),
	}}
	f := caddyWithUpstreamScheme("h2c://").ExpectingErrors(testbed.BadGateway).Serve(t, inner)[0]
	alone := testbed.Caddy{Directive: func(upstreams string) string { return "reverse_proxy h2c://" + strings.Fields(upstreams)[0] }}.ExpectingErrors(testbed.BadGateway).Serve(t, inner)[0]

	// A client whose upgrade is refused goes on polling, and a refused upgrade is no
	// failure of the upstream.
	for range 20 {
		e := testbed.NewEngine(t, f)
		opened := e.Handshake(t)
		assert.Regexp(t, "^HTTP/1.1 502 ", f.SendRaw(t, testbed.UpgradeRequest(f, e.SID)))
		r := e.Post(t, "40")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		e.Post(t, "1")
	}
	assert.Regexp(t, "^HTTP/1.1 502 ", f.SendRaw(t, testbed.UpgradeRequest(f, "")))
	assert.Regexp(t, "^HTTP/1.1 502 ", alone.SendRaw(t, testbed.UpgradeRequest(alone, "")))

	testbed.Plain.Small().RunHeld(t, f, []string{"polling"}).AssertBalanced(t, nodes)
}
