package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	testSessionsHoldAcrossSites(t, caddyShorthand)
}

func TestTraefikHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	testSessionsHoldAcrossSites(t, traefikPlugin)
}

func TestCaddysCookieAloneMayHoldSessionsOfAPageOfAnotherSite(t *testing.T) {
	testCookieAcrossSites(t, caddyCookie)
}

func TestTraefiksCookieAloneMayHoldSessionsOfAPageOfAnotherSite(t *testing.T) {
	testCookieAcrossSites(t, traefik{crossSite: true})
}

// A cookie for each site whose pages connect is one that browsers do not block.
func TestAPartitionedCookieHoldsSessionsOfAPageOfAnotherSite(t *testing.T) {
	b := startBrowser(t, browserSettings{Flags: []string{noQUIC}})
	nodes := startNodes(t, []string{"a", "b", "c"}, "--cors")
	for _, partitioned := range []bool{true, false} {
		t.Run(fmt.Sprintf("partitioned %t", partitioned), func(t *testing.T) {
			lines := []string{"sid off", "cookie {", "same_site none", "secure"}
			if partitioned {
				lines = append(lines, "partitioned")
			}
			f := caddyWith(append(lines, "}")...).serve(t, site{upstreams: addresses(nodes), secure: true})[0]
			tc := crossSiteCookie{credentials: true, kept: partitioned, holds: partitioned}
			tc.test(t, b, f, nodes[0], "polling")
			if partitioned {
				tc.test(t, b, f, nodes[0], "polling", "websocket")
			}
		})
	}
}

// crossSiteCrowd is a crowd in a page of another site than the front's: one
// that a node serves as localhost, which is another than 127.0.0.1.
func crossSiteCrowd(f front, n *node, build build, transports ...string) browserCrowd {
	c := pageCrowd(f, build, transports...)
	c.Page = "http://" + strings.Replace(n.addr, "127.0.0.1", "localhost", 1) + page
	return c
}

// testSessionsHoldAcrossSites has a browser block the cookies of other sites.
func testSessionsHoldAcrossSites(t *testing.T, h host) {
	t.Helper()
	b := startBrowser(t, browserSettings{Flags: []string{noQUIC}})
	nodes4 := startNodes(t, []string{"a", "b", "c"}, "--cors")
	nodes2 := startNodes(t, []string{"d", "e", "f"}, socketIO2.flags...)
	fronts := h.serve(t,
		site{upstreams: addresses(nodes4), secure: true},
		site{upstreams: addresses(nodes2), secure: true},
	)
	of4 := func(transports ...string) browserCrowd {
		return crossSiteCrowd(fronts[0], nodes4[0], socketIO4Build, transports...)
	}
	credentials := object{"withCredentials": true}
	// What a page of another origin may not send before the node has allowed it.
	header := object{"extraHeaders": object{"X-Tenant": "affinity"}}
	cases := []struct {
		name       string
		crowd      browserCrowd
		options    object
		preflights bool
	}{
		{"over polling", of4("polling"), nil, false},
		{"over polling, with credentials", of4("polling"), credentials, false},
		{"upgraded", of4("polling", "websocket"), nil, false},
		{"upgraded, with credentials", of4("polling", "websocket"), credentials, false},
		// Its client asks for credentials unless told not to.
		{"over polling, of Socket.IO 2", crossSiteCrowd(fronts[1], nodes2[0], socketIO2Build, "polling"), nil, false},
		// The last ones, as some preflights come when the clients are leaving.
		{"over polling, with preflights", of4("polling"), header, true},
		{"upgraded, with preflights", of4("polling", "websocket"), header, true},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			before := preflights(t, nodes4)
			c := tc.crowd
			c.Options = tc.options

			o := b.run(t, c)
			o.assertHeld(t)
			assert.Greater(t, len(o.PerNode), 1, "nodes that greeted clients")
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
				assert.Zero(t, n.whoami(t).Strays, "preflights at node %s of sessions that were never there", n.name)
			}
			t.Logf("%s: preflights %v", t.Name(), after)
		})
	}
}

// preflights returns how many preflights of sessions each node has seen.
func preflights(t *testing.T, nodes []*node) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for _, n := range nodes {
		seen[n.name] = n.whoami(t).Preflights
	}
	return seen
}

// testCookieAcrossSites runs clients whose sessions only a cookie can hold. It
// does so only while the browser lets pages of other sites have it and the
// clients ask for it: so the browser that blocks them does, and what the other
// tests see is no accident.
func testCookieAcrossSites(t *testing.T, h host) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c"}, "--cors")
	f := h.serve(t, site{upstreams: addresses(nodes), secure: true})[0]
	for _, thirdPartyCookies := range []bool{true, false} {
		b := startBrowser(t, browserSettings{ThirdPartyCookies: thirdPartyCookies, Flags: []string{noQUIC}})
		for _, credentials := range []bool{true, false} {
			t.Run(fmt.Sprintf("third-party cookies %t, credentials %t", thirdPartyCookies, credentials), func(t *testing.T) {
				holds := thirdPartyCookies && credentials
				crossSiteCookie{credentials: credentials, kept: thirdPartyCookies, holds: holds}.test(t, b, f, nodes[0], "polling")
			})
		}
	}
}

// crossSiteCookie is what becomes of a cookie of the front's.
type crossSiteCookie struct {
	credentials bool // the clients ask for it
	kept        bool // by the browser
	holds       bool // the sessions
}

// test has the cookie be there before the clients connect: or each of them
// would be given another.
func (tc crossSiteCookie) test(t *testing.T, b *browser, f front, n *node, transports ...string) {
	t.Helper()
	c := crossSiteCrowd(f, n, socketIO4Build, transports...)
	c.Visit, c.Options = true, object{"withCredentials": tc.credentials}
	if tc.kept {
		c.cookies = 1
	}

	o := b.run(t, c)
	assert.Equal(t, c.cookies, o.SetCookies, "cookies that the browser has")
	if tc.holds {
		o.assertHeld(t)
	} else {
		o.assertAllFailed(t)
	}
}
