package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// tieredCaddy is two tiers of Caddy with this module: each tier binds a session
// for itself, so that a client's session ID has two tags, and every proxy takes
// its own off again.
type tieredCaddy struct {
	outer, inner caddy
}

// serve starts an outer Caddy in front of two inner ones, which have half of the
// site's nodes each.
func (h tieredCaddy) serve(t *testing.T, sites ...site) []front {
	t.Helper()
	fronts := make([]front, len(sites))
	for i, s := range sites {
		half := len(s.upstreams) / 2
		inner := make([]string, 2)
		for j, nodes := range [][]string{s.upstreams[:half], s.upstreams[half:]} {
			inner[j] = h.inner.serve(t, site{upstreams: nodes})[0].address()
		}
		s.upstreams = inner
		fronts[i] = h.outer.serve(t, s)[0]
		fronts[i].tag += `\.` + fronts[i].tag
	}
	return fronts
}

func TestCaddyHoldsSessionsInTwoTiersOf(t *testing.T) {
	for _, tc := range []struct {
		name string
		each caddy
		like setting
	}{
		{"Socket.IO 4", caddyWith("sid auto"), plain},
		{"Socket.IO 4 that are learned", caddyWith("sid learn"), plain},
		{"Socket.IO 2, which are learned", caddyWith("sid auto"), socketIO2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			testTiers(t, tieredCaddy{tc.each, tc.each}, tc.like)
		})
	}
}

// testTiers runs a crowd over each of the transports at once, on four nodes
// behind two tiers.
func testTiers(t *testing.T, h host, like setting) {
	t.Helper()
	nodes := startNodes(t, []string{"a", "b", "c", "d"}, like.flags...)
	f := h.serve(t, like.siteOf(nodes))[0]
	like = like.small()
	like.clients = 24
	var crowds runningCrowds
	for _, transport := range transports {
		crowds = append(crowds, like.crowdOf(f, transport).start(t))
	}
	var all outcome
	for _, r := range crowds {
		o := r.outcome(t)
		o.assertHeld(t)
		all = all.and(o)
	}
	all.assertSpread(t, nodes)
}

func TestCaddyBindsTheSidOncePerTier(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c", "d"}, "--trace")
	f := tieredCaddy{caddyShorthand, caddyShorthand}.serve(t, plain.siteOf(nodes))[0]
	for range 8 {
		e := newEngine(t, f)
		opened := e.handshakeReply(t)
		for range 3 {
			r := e.post(t, "3")
			assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
			assert.Equal(t, e.ownSID(), seenSID(t, r))
		}
	}
}

// oneCaddy is two tiers in one process, a site in front of two others.
type oneCaddy struct {
	caddy
}

func (h oneCaddy) serve(t *testing.T, sites ...site) []front {
	t.Helper()
	half := len(sites[0].upstreams) / 2
	inner, blocks := h.sites(t, site{upstreams: sites[0].upstreams[:half]}, site{upstreams: sites[0].upstreams[half:]})
	outer, block := h.sites(t, site{upstreams: []string{inner[0].address(), inner[1].address()}})
	startCaddy(t, blocks+block, append(inner, outer...)...)
	return outer
}

func TestCaddyHoldsSessionsInTwoTiersOfOneProcess(t *testing.T) {
	for _, s := range []setting{plain, socketIO2} {
		t.Run(s.name, func(t *testing.T) {
			testTiers(t, oneCaddy{caddyShorthand}, s)
		})
	}
}
