package caddy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// assertNoSessionOn opens sessions, none of which may be on a draining node.
func assertNoSessionOn(t *testing.T, s *server, draining *node) {
	t.Helper()
	for range 12 {
		assert.NotEqual(t, draining.name, nodeIn(s.open(t, polling)))
	}
}

// nodeIn returns the name of the node in the session ID of a client.
func nodeIn(sid string) string {
	_, own, _ := strings.Cut(sid, ".")
	name, _, _ := strings.Cut(own, "-")
	return name
}

func TestDrainingUpstreamsGetNoNewSessions(t *testing.T) {
	for _, fallback := range []string{"", "first", "least_conn", "round_robin", "random", "ip_hash", "uri_hash", "weighted_round_robin 9 1 1", "cookie lb", "header X-Client"} {
		t.Run(fallback, func(t *testing.T) {
			nodes, addresses := startNodes(t, 3)
			options := ""
			if fallback != "" {
				options = " {\nfallback " + fallback + "\n}"
			}
			s := serve(t, "socketio"+addresses+options)
			draining := nodes[0]
			sid := ""
			for i := 0; sid == "" && i < 1000; i++ {
				if opened := s.open(t, polling+fmt.Sprintf("&i=%d", i)); nodeIn(opened) == draining.name || fallback == "ip_hash" || fallback == "header X-Client" {
					sid = opened
				}
			}
			for _, n := range nodes { // a hash may have chosen any
				if n.name == nodeIn(sid) {
					draining = n
				}
			}
			drain(t, draining.address())
			assertNoSessionOn(t, s, draining)
			_, body := s.get(t, polling+"&sid="+sid)
			assert.Equal(t, draining.name, body, "it keeps the sessions that it has")
		})
	}
}

func TestUndrainedUpstreamsGetNewSessions(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	drain(t, nodes[0].address())
	drain(t, nodes[0].address())
	assertNoSessionOn(t, s, nodes[0])
	undrain(t, nodes[0].address())
	undrain(t, nodes[0].address())
	assert.Equal(t, nodes[0].name, nodeIn(s.open(t, polling)), "it has the fewest sessions")
}

func TestCookiesOfADrainingUpstreamOpenNoSession(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\ncookie\n}")
	res, body := s.get(t, polling)
	draining := nodes[0]
	if nodeIn(sidIn(t, body)) == "b" {
		draining = nodes[1]
	}
	header := http.Header{"Cookie": {strings.Split(res.Header.Get("Set-Cookie"), ";")[0]}}
	drain(t, draining.address())
	res, body = s.send(t, http.MethodGet, polling, header)
	assert.NotEqual(t, draining.name, nodeIn(sidIn(t, body)))
	assert.NotEmpty(t, res.Header.Get("Set-Cookie"), "the client gets the cookie of its new upstream")
}

func TestNewSessionsGetAnErrorWhenAllUpstreamsAreDraining(t *testing.T) {
	for _, fallback := range []string{"", "fallback first", "fallback weighted_round_robin 1 1"} {
		nodes, addresses := startNodes(t, 2)
		s := serve(t, "socketio"+addresses+" {\n"+fallback+"\n}")
		sid := s.open(t, polling)
		for _, n := range nodes {
			drain(t, n.address())
		}
		res, _ := s.get(t, polling)
		assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
		res, _ = s.get(t, polling+"&sid="+sid)
		assert.Equal(t, http.StatusOK, res.StatusCode)
	}
}

func TestDrainsSurviveAReloadAndHoldForAllSites(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	drain(t, nodes[0].address())
	for turn := range 3 {
		s.reload(t, fmt.Sprintf("header X-Turn %d\nhandle /other/* {\nsocketio%s {\nsecret other\n}\n}\nhandle {\nsocketio%s\n}", turn, addresses, addresses))
		assertNoSessionOn(t, s, nodes[0])
		for range 4 {
			_, body := s.at(t, "/other/", polling)
			assert.NotEqual(t, "a", nodeIn(sidIn(t, body)))
		}
		assert.Len(t, upstreamsOf(t)[nodes[0].address()].Tags, 2, "one for each secret")
	}
}

func TestUpstreamsDrainedByTheConfigGetNoNewSessions(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	var sids []string
	for range 6 {
		sids = append(sids, s.open(t, polling))
	}
	s.reload(t, "socketio"+addresses+" {\ndrain "+nodes[0].address()+" "+nodes[1].address()+"\n}")
	assertNoSessionOn(t, s, nodes[0])
	assertNoSessionOn(t, s, nodes[1])
	for _, sid := range sids {
		_, body := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, nodeIn(sid), body)
	}
	assert.Equal(t, adminapi.DrainedByConfig, upstreamsOf(t)[nodes[0].address()].DrainedBy)
	assert.False(t, upstreamsOf(t)[nodes[2].address()].Draining)
}

// What is left of an upstream that was removed is listed, so that an operator
// sees when it is empty.
func TestRemovedUpstreamsAreListedWhileTheyAreDrained(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	drain(t, nodes[0].address())
	s.reload(t, "socketio "+nodes[1].address())
	upstream := upstreamsOf(t)[nodes[0].address()]
	assert.True(t, upstream.Removed)
	assert.True(t, upstream.Draining)
	undrainRemoved := adminapi.Upstream{}
	status, message := callAdmin(t, http.MethodPost, adminapi.UndrainPath, `{"upstream":"`+nodes[0].address()+`"}`, &undrainRemoved)
	require.Equal(t, http.StatusOK, status, message)
	assert.False(t, undrainRemoved.Draining)
	assert.NotContains(t, upstreamsOf(t), nodes[0].address())
}

func TestCountsOfFormerUpstreamsAreDroppedOnlyWhenThereAreMany(t *testing.T) {
	policy := newPolicy(t, "")
	table := policy.tags.shared.upstreams
	first := newPool(1, 1)
	held := policy.tags.of(first, first[0]).stats
	held.addOpen(openWebSocket, 1)
	for from := 2; from < 3*maxUpstreamStats; from += 8 {
		pool := newPool(from, 8)
		policy.notePool(pool)
		for _, upstream := range pool {
			stats := policy.tags.of(pool, upstream).stats
			assert.Same(t, table.of(upstream.Dial), stats)
		}
	}
	assert.LessOrEqual(t, len(table.all()), maxUpstreamStats+16)
	again := policy.tags.of(first, first[0]).stats
	assert.Same(t, held, again, "counts with something open are kept")
}
