package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	testSessionsHoldAcrossSites(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	testSessionsHoldAcrossSites(t, testbed.TraefikPlugin)
}

func TestCaddysCookiePolicyNeedsThirdPartyCookies(t *testing.T) {
	t.Parallel()
	testCookieAcrossSites(t, caddyCookiePolicy)
}

func TestTraefiksStickyCookieNeedsThirdPartyCookies(t *testing.T) {
	t.Parallel()
	testCookieAcrossSites(t, testbed.Traefik{CrossSiteCookie: true})
}

// Browsers do not block a partitioned cookie, of which there is one for each
// site whose pages connect.
func TestAPartitionedCookieHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	t.Parallel()
	b := testbed.SharedBrowser(t, false)
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cors")
	for _, partitioned := range []bool{true, false} {
		t.Run(fmt.Sprintf("partitioned %t", partitioned), func(t *testing.T) {
			lines := []string{"sid off", "cookie {", "same_site none", "secure"}
			if partitioned {
				lines = append(lines, "partitioned")
			}
			f := testbed.CaddyWith(append(lines, "}")...).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes), HTTPS: true})[0]
			tc := crossSiteCookie{credentials: true, kept: partitioned, holds: partitioned}
			tc.test(t, b, f, nodes[0], "polling")
			if partitioned {
				tc.test(t, b, f, nodes[0], "polling", "websocket")
			}
		})
	}
}

// testSessionsHoldAcrossSites has a browser block the cookies of other sites.
func testSessionsHoldAcrossSites(t *testing.T, h testbed.Proxy) {
	t.Helper()
	b := testbed.SharedBrowser(t, false)
	nodes4 := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cors")
	nodes2 := testbed.StartNodes(t, []string{"d", "e", "f"}, testbed.SocketIO2.Flags...)
	endpoints := h.Serve(t,
		testbed.Site{Upstreams: testbed.Addresses(nodes4), HTTPS: true},
		testbed.Site{Upstreams: testbed.Addresses(nodes2), HTTPS: true},
	)
	of4 := func(transports ...string) testbed.BrowserClients {
		return testbed.CrossSiteClients(endpoints[0], nodes4[0], testbed.SocketIO4Build, transports...)
	}
	credentials := object{"withCredentials": true}
	// A page of another origin may send this header only after a preflight.
	header := object{"extraHeaders": object{"X-Tenant": "affinity"}}
	cases := []struct {
		name       string
		clients    testbed.BrowserClients
		options    object
		preflights bool
	}{
		{"over polling", of4("polling"), nil, false},
		{"over polling, with credentials", of4("polling"), credentials, false},
		{"upgraded", of4("polling", "websocket"), nil, false},
		{"upgraded, with credentials", of4("polling", "websocket"), credentials, false},
		// Its client uses credentials by default.
		{"over polling, of Socket.IO 2", testbed.CrossSiteClients(endpoints[1], nodes2[0], testbed.SocketIO2Build, "polling"), nil, false},
		// Last, as some preflights arrive when the clients are leaving.
		{"over polling, with preflights", of4("polling"), header, true},
		{"upgraded, with preflights", of4("polling", "websocket"), header, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			before := preflights(t, nodes4)
			c := tc.clients
			c.Options = tc.options

			o := b.Run(t, c)
			o.AssertHeld(t)
			assert.Greater(t, len(o.PerNode), 1, "nodes with clients")
			after := preflights(t, nodes4)
			if !tc.preflights {
				assert.Equal(t, before, after, "preflights by node")
				return
			}
			for name := range after {
				after[name] -= before[name]
				assert.GreaterOrEqual(t, after[name], o.PerNode[name], "preflights at node %s", name)
			}
			for _, n := range nodes4 {
				assert.Zero(t, n.Status(t).UnknownPreflights, "preflights at node %s of sessions that were never there", n.Name)
			}
			t.Logf("%s: preflights %v", t.Name(), after)
		})
	}
}

// preflights returns how many preflights of sessions each node has received.
func preflights(t *testing.T, nodes []*testbed.Node) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for _, n := range nodes {
		seen[n.Name] = n.Status(t).Preflights
	}
	return seen
}

// testCookieAcrossSites is a control: it runs clients whose sessions only a
// cookie can hold. They hold only if the browser keeps cookies of other sites
// and the clients use credentials, which shows that the browser of the other
// tests does block cookies.
func testCookieAcrossSites(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cors")
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes), HTTPS: true})[0]
	for _, thirdPartyCookies := range []bool{true, false} {
		b := testbed.SharedBrowser(t, thirdPartyCookies)
		for _, credentials := range []bool{true, false} {
			t.Run(fmt.Sprintf("third-party cookies %t, credentials %t", thirdPartyCookies, credentials), func(t *testing.T) {
				holds := thirdPartyCookies && credentials
				crossSiteCookie{credentials: credentials, kept: thirdPartyCookies, holds: holds}.test(t, b, f, nodes[0], "polling")
			})
		}
	}
}

// crossSiteCookie is the outcome for a cookie of the proxy in a page of another
// site.
type crossSiteCookie struct {
	credentials bool // the clients use credentials
	kept        bool // the browser keeps the cookie
	holds       bool // sessions hold
}

// test has the browser get the cookie before the clients connect, as otherwise
// each of them would get another one.
func (tc crossSiteCookie) test(t *testing.T, b *testbed.Browser, f testbed.Endpoint, n *testbed.Node, transports ...string) {
	t.Helper()
	c := testbed.CrossSiteClients(f, n, testbed.SocketIO4Build, transports...)
	c.Visit, c.Options = true, object{"withCredentials": tc.credentials}
	if tc.kept {
		c.WantSetCookies = 1
	}

	o := b.Run(t, c)
	assert.Equal(t, c.WantSetCookies, o.SetCookies, "cookies that the browser has")
	if tc.holds {
		o.AssertHeld(t)
	} else {
		o.AssertAllFailed(t)
	}
}
