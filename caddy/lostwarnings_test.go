package caddy

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// warningsOf returns the warnings about lost sessions.
func (s *server) warningsOf(t *testing.T) []string {
	t.Helper()
	return s.logged(t, `"warn"`, `"requests":`)
}

func TestLostSessionsLogTheirCause(t *testing.T) {
	n := startNode(t, "a")
	tag := tagOfNode(n)
	for _, tc := range []struct {
		name, options, query string
		cause                lossCause
		fields               string
	}{
		{"the tag of another secret", "", polling + "&sid=" + core.NewTagger("theirs").Tag(n.address()) + ".a-1", lossUnknownTag, `"reason":"unknown_tag","tag":"`},
		{"the tag of another secret, rejected", "lost reject", polling + "&sid=" + core.NewTagger("theirs").Tag(n.address()) + ".a-1", lossUnknownTag, `"reason":"unknown_tag","tag":"`},
		{"no tag", "", polling + "&sid=b-1", lossNoTag, `"reason":"unknown_session","requests":1}`},
		{"bytes of a client", "", polling + "&sid=%0a%1b[2J", lossNoTag, `"reason":"unknown_session","requests":1}`},
		{"a session that was not learned", "", polling3 + "&sid=b-1", lossNotLearned, `"reason":"unknown_session","requests":1}`},
		{"a session that its node has lost", "", polling + "&sid=" + tag + ".b-1", lossByUpstream, `"reason":"tag","tag":"` + tag + `","upstream":"` + n.address() + `","requests":1}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, "socketio "+n.address()+" {\n"+tc.options+"\n}")
			res, _ := s.get(t, tc.query)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			warnings := s.warningsOf(t)
			require.Len(t, warnings, 1)
			assert.Contains(t, warnings[0], lossMessages[tc.cause])
			assert.Contains(t, warnings[0], tc.fields)
			assert.NotContains(t, warnings[0], "2J")
		})
	}
}

func TestSessionsWhoseUpstreamIsUnhealthyLogIt(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\nfail_duration 1h\ntransport http {\nkeepalive off\n}\n}")
	nodes[1].Close()
	for range 3 {
		s.get(t, polling+"&sid="+tagOfNode(nodes[1])+".b-1")
	}
	nodes[0].Close()
	res, _ := s.get(t, polling+"&sid="+tagOfNode(nodes[1])+".b-1")
	assert.GreaterOrEqual(t, res.StatusCode, 500)
	warnings := s.warningsOf(t)
	require.Len(t, warnings, 1, "no more before the tenth")
	assert.Contains(t, warnings[0], lossMessages[lossUpstreamUnhealthy])
	assert.Contains(t, warnings[0], `"upstream":"`+nodes[1].address()+`","requests":1}`)
}

func TestRequestsThatLoseNoSessionLogNoWarning(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	s.get(t, polling+"&sid=a-7") // its tag was lost, but there is only one node
	s.get(t, polling+"&sid="+s.open(t, polling))
	s.do(t, http.MethodOptions, polling+"&sid="+tagOfNode(n)+".b-1")
	s.get(t, "page=1")
	s.reload(t, "socketio "+n.address()+" {\nsid off\n}")
	s.get(t, polling+"&sid=b-1")
	assert.Empty(t, s.warningsOf(t))
}

func TestWarningsOfLostSessionsBeginAgainAfterAnHour(t *testing.T) {
	now := time.Now()
	l := newLostWarnings()
	l.now = func() time.Time { return now }
	for i := range uint64(12) {
		assert.Equal(t, i+1, l.count(lossNoTag))
	}
	assert.EqualValues(t, 1, l.count(lossNotLearned))
	now = now.Add(lossWindow - 1)
	assert.EqualValues(t, 13, l.count(lossNoTag))
	now = now.Add(1)
	assert.EqualValues(t, 1, l.count(lossNoTag))
}

func TestEachLossCauseHasAMessageThatSaysWhatToDo(t *testing.T) {
	for _, message := range lossMessages {
		_, advice, found := strings.Cut(message, "; ")
		assert.True(t, found)
		assert.NotEmpty(t, advice)
	}
}
