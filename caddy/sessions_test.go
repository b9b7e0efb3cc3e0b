package caddy

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const polling3 = "EIO=3&transport=polling"

func TestLearnedSessionsStayOnTheirNode(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	seen := map[string]int{}
	for range 30 {
		sid := s.open(t, polling3)
		require.Regexp(t, `^[abc]-\d+$`, sid, "the session ID is the node's own")
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
			assert.NotContains(t, query, ".", "the tag reached the node")
		}
	}
	assert.Len(t, s.logged(t, "selected upstream for session", `"by":"learned"`), 90)
}

func TestAFullTableDropsSessionsAndSaysSo(t *testing.T) {
	_, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\nsid learn\nmax_sessions 3\n}")
	var sids []string
	for range 14 {
		sids = append(sids, s.open(t, polling))
	}
	for i, sid := range sids {
		_, body := s.get(t, polling+"&sid="+sid)
		if i >= 11 {
			assert.Equal(t, sid[:1], body, "one of the last three")
		}
	}
	assert.Len(t, s.logged(t, "dropped before its time", `"dropped":1}`), 1)
	assert.Len(t, s.logged(t, "dropped before its time", `"dropped":10}`), 1)
	assert.Len(t, s.logged(t, "dropped before its time"), 2)
	assert.GreaterOrEqual(t, len(s.logged(t, "selected upstream for session", `"by":"lost"`)), 11)
}

// A reload makes all modules anew, and drops the old ones after.
func TestLearnedSessionsSurviveAReload(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	var sids []string
	for range 9 {
		sids = append(sids, s.open(t, polling3))
	}
	for turn := range 3 {
		s.reload(t, fmt.Sprintf("header X-Turn %d\nsocketio%s {\nmax_sessions %d\n}", turn, addresses, 9+turn))
		for _, sid := range sids {
			_, body := s.get(t, polling3+"&sid="+sid)
			assert.Equal(t, sid[:1], body)
		}
	}
	assert.Len(t, nodes, 3)

	s.reload(t, "header X-Turn last\nsocketio"+addresses+" {\nmax_sessions 4\n}")
	known := 0
	for _, sid := range sids {
		if _, body := s.get(t, polling3+"&sid="+sid); body == sid[:1] {
			known++
		}
	}
	assert.GreaterOrEqual(t, known, 4)
	pooled, used := sessionsPool.References(sessionsKey)
	assert.True(t, used)
	assert.Equal(t, 1, pooled, "the handlers of old configs are gone")
}

func TestTheTableEndsWithItsLastHandler(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	s.open(t, polling3)
	s.reload(t, "socketio "+n.address()+" {\nsid tag\n}")
	_, used := sessionsPool.References(sessionsKey)
	assert.False(t, used)
}
