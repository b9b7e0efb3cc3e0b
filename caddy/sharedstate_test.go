package caddy

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const polling3 = "EIO=3&transport=polling"

func TestLearnedSessionsStayOnTheirUpstream(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	seen := map[string]int{}
	for range 30 {
		sid := s.open(t, polling3)
		require.Regexp(t, `^[abc]-\d+$`, sid, "the session ID is not changed")
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			_, body := s.do(t, method, polling3+"&t=x&sid="+sid)
			assert.Equal(t, sid[:1], body, method)
		}
		seen[sid[:1]]++
	}
	assert.Equal(t, map[string]int{"a": 10, "b": 10, "c": 10}, seen)
	for _, n := range nodes {
		close(n.queries)
		for query := range n.queries {
			assert.NotContains(t, query, ".", "an upstream got a tag")
		}
	}
	assert.Len(t, s.logged(t, "selected upstream for session", `"reason":"learned"`), 90)
}

func TestAFullTableDropsSessionsAndLogsWarnings(t *testing.T) {
	_, addresses := startNodes(t, 2)
	s := serveWith(t, "affinity {\nmax_sessions 3\n}", "socketio"+addresses+" {\nsid learn\n}")
	var sids []string
	for range 14 {
		sids = append(sids, s.open(t, polling))
	}
	for i, sid := range sids {
		_, body := s.get(t, polling+"&sid="+sid)
		if i >= 11 {
			assert.Equal(t, sid[:1], body, "the last three sessions are learned")
		}
	}
	assert.Len(t, s.logged(t, "dropped a learned Socket.IO session", `"dropped":1}`), 1)
	assert.Len(t, s.logged(t, "dropped a learned Socket.IO session", `"dropped":10}`), 1)
	assert.Len(t, s.logged(t, "dropped a learned Socket.IO session"), 2)
	assert.GreaterOrEqual(t, len(s.logged(t, "selected upstream for session", `"reason":"unknown_session"`)), 11)
}

// A reload provisions all modules before it cleans the old ones up.
func TestLearnedSessionsSurviveAReload(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	var sids []string
	for range 9 {
		sids = append(sids, s.open(t, polling3))
	}
	for turn := range 3 {
		s.options = fmt.Sprintf("affinity {\nmax_sessions %d\n}", 9+turn)
		s.reload(t, fmt.Sprintf("header X-Turn %d\nsocketio%s", turn, addresses))
		for _, sid := range sids {
			_, body := s.get(t, polling3+"&sid="+sid)
			assert.Equal(t, sid[:1], body)
		}
	}
	assert.Len(t, nodes, 3)

	pooled, used := sharedPool.References(sharedKey)
	assert.True(t, used)
	assert.Equal(t, 1, pooled, "the apps of old configs have released it")
}

func TestSharedStateEndsWithTheLastConfigThatHasTheApp(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	s.open(t, polling3)
	s.reload(t, "reverse_proxy "+n.address())
	_, used := sharedPool.References(sharedKey)
	assert.False(t, used)
}

func TestAFloodOfOneSiteDropsNoSessionOfAnother(t *testing.T) {
	const most, flood = 40, 400
	flooded, spared := startNode(t, "a"), startNode(t, "b")
	s := serveWith(t, fmt.Sprintf("affinity {\nmax_sessions %d\n}", most),
		"socketio /socket.io/flooded* "+flooded.address()+" {\nsid learn\n}\nsocketio "+spared.address()+" {\nsid learn\n}")
	var sids []string
	for range most / 2 {
		sids = append(sids, s.open(t, polling))
	}
	for range flood {
		res, body := s.at(t, "/socket.io/flooded", polling)
		require.Equal(t, http.StatusOK, res.StatusCode, body)
	}
	for _, sid := range sids {
		_, body := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, "b", body)
	}
	assert.NotEmpty(t, s.logged(t, "dropped a learned Socket.IO session"), "the table is full")
}

// The nodes of the two sites use the same session IDs.
func TestSitesDoNotTakeEachOthersLearnedSessions(t *testing.T) {
	one, other := startNode(t, "same"), startNode(t, "same")
	s := serve(t, "socketio /socket.io/one* "+one.address()+" {\nsid learn\n}\nsocketio "+other.address()+" {\nsid learn\n}")
	sid := s.open(t, polling)
	_, body := s.at(t, "/socket.io/one", polling)
	require.Equal(t, sid, sidIn(t, body))
	for range 3 {
		s.get(t, polling+"&sid="+sid)
		s.at(t, "/socket.io/one", polling+"&sid="+sid)
	}
	assert.Len(t, s.logged(t, "selected upstream for session", `"reason":"learned"`), 6)
}

// twoSites returns two sites of one server, each with its upstreams and options.
func twoSites(one, other, options string) string {
	return "socketio /socket.io/one* " + one + " {\n" + options + "\n}\nsocketio " + other + " {\n" + options + "\n}"
}

func TestFailedDialsCountForAllSitesAndSurviveAReload(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	sites := twoSites(addresses, addresses, "lb_retries 0\ncool_down 1h")
	s := serve(t, sites)
	nodes[0].Close()
	failures := func(path string) (failures int) {
		for range 20 {
			if res, _ := s.at(t, path, polling); res.StatusCode != http.StatusOK {
				failures++
			}
		}
		return failures
	}
	assert.Equal(t, 1, failures("/socket.io/one"))
	assert.Zero(t, failures("/socket.io/"), "the other site")
	s.reload(t, "header X-Turn 1\n"+sites)
	assert.Zero(t, failures("/socket.io/one"), "after a reload")

	s.reload(t, "reverse_proxy"+addresses)
	s.reload(t, sites)
	assert.Equal(t, 1, failures("/socket.io/one"), "after a config without the app")
}

func TestRecentSessionsCountForAllSitesAndSurviveAReload(t *testing.T) {
	const sessions = 10
	nodes, addresses := startNodes(t, 3)
	sites := twoSites(nodes[0].address(), addresses, "")
	s := serve(t, sites)
	open := func(path string, sessions int) {
		for range sessions {
			res, body := s.at(t, path, polling)
			require.Equal(t, http.StatusOK, res.StatusCode, body)
		}
	}
	open("/socket.io/one", sessions)
	open("/socket.io/", sessions)
	s.reload(t, "header X-Turn 1\n"+sites)
	open("/socket.io/", sessions)
	for _, n := range nodes {
		assert.EqualValues(t, sessions, n.sessions.Load(), "sessions on node %s", n.name)
	}
}
