package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// Nodes over HTTPS, each with a certificate of the same authority.
func TestCaddyHoldsSessionsOfNodesOverHTTPS(t *testing.T) {
	cert, key := testbed.WriteCertificate(t)
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cert", cert, "--key", key)
	testUpstreams(t, caddyWithUpstreamScheme("https://", "transport http {\nkeepalive 2s\ntls_trust_pool file "+cert+"\n}"), nodes)
}

// Nodes that listen on Unix sockets.
func TestCaddyHoldsSessionsOfNodesOnUnixSockets(t *testing.T) {
	testUpstreams(t, testbed.CaddyShorthand, testbed.StartUnixNodes(t, "a", "b", "c"))
}

// testUpstreams runs a crowd over each of the transports at once.
func testUpstreams(t *testing.T, h testbed.Proxy, nodes []*testbed.Node) {
	t.Helper()
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	var groups testbed.ClientGroups
	for _, transport := range testbed.Transports {
		groups = append(groups, testbed.Plain.Small().ClientsOf(f, transport).Start(t))
	}
	var all testbed.Result
	for _, r := range groups {
		o := r.Wait(t)
		o.AssertHeld(t)
		all = all.Add(o)
	}
	all.AssertBalanced(t, nodes)
}

// caddyWithUpstreamScheme is the socketio directive whose upstreams have a scheme.
func caddyWithUpstreamScheme(scheme string, options ...string) testbed.Caddy {
	return testbed.Caddy{Directive: func(upstreams string) string {
		return testbed.CaddyWith(options...).Directive(scheme + strings.Join(strings.Fields(upstreams), " "+scheme))
	}}
}

// caddySpeakingH2C is a site that speaks HTTP/2 without TLS, too.
type caddySpeakingH2C struct{}

func (caddySpeakingH2C) Serve(t *testing.T, sites ...testbed.Site) []testbed.Endpoint {
	t.Helper()
	endpoints, blocks := testbed.CaddyShorthand.Sites(t, sites...)
	admin := testbed.FreeAddress(t)
	testbed.StartCaddyfile(t, admin, "{\nadmin "+admin+"\ndefault_bind 127.0.0.1\nservers {\nprotocols h1 h2c\n}\n}\n"+blocks, endpoints...)
	return endpoints
}

// Of a hop over HTTP/2 without TLS, polling is all that Caddy can do: it has no
// WebSocket there, with this module or without (Caddy 2.11.9).
func TestCaddyHoldsPollingSessionsOverH2C(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a", "b", "c", "d"}, "--trace")
	inner := testbed.Site{Upstreams: []string{
		caddySpeakingH2C{}.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes[:2])})[0].Address(),
		caddySpeakingH2C{}.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes[2:])})[0].Address(),
	}}
	f := caddyWithUpstreamScheme("h2c://").ExpectingErrors(testbed.BadGateway).Serve(t, inner)[0]
	alone := testbed.Caddy{Directive: func(upstreams string) string { return "reverse_proxy h2c://" + strings.Fields(upstreams)[0] }}.ExpectingErrors(testbed.BadGateway).Serve(t, inner)[0]

	// A client whose probe for an upgrade is refused stays with polling, and an
	// upstream is not to blame for a refusal.
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

	o := testbed.Plain.Small().ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertHeld(t)
	o.AssertBalanced(t, nodes)
}
