package caddy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// serveReasons runs a socketio directive that adds the placeholders to its
// replies.
func serveReasons(t *testing.T, directive string) *server {
	t.Helper()
	return serve(t, withReasons(directive))
}

// withReasons adds the lines that serveReasons needs.
func withReasons(directive string) string {
	return "header >X-Reason {http.affinity.reason}\nheader >X-Tag {http.affinity.tag}\n" + directive
}

// assertReason sends a request, and checks its placeholders and its line in the
// log.
func (s *server) assertReason(t *testing.T, query string, header http.Header, reason core.Reason, tag string) {
	t.Helper()
	res, _ := s.send(t, http.MethodGet, query, header)
	assert.Equal(t, string(reason), res.Header.Get("X-Reason"))
	assert.Equal(t, tag, res.Header.Get("X-Tag"))
	lines := s.logged(t, "selected upstream for session")
	require.NotEmpty(t, lines)
	last := lines[len(lines)-1]
	assert.Contains(t, last, `"reason":"`+string(reason)+`"`)
	assert.Contains(t, last, `"tag":"`+tag+`"`)
	assert.Contains(t, last, `"upstream":"127.0.0.1:`)
}

func TestReasonsOfReachableSessions(t *testing.T) {
	n := startNode(t, "a")
	tag := tagOfNode(n)
	cookie := withCookies("server_id=" + tag)
	for _, tc := range []struct {
		name, options, query string
		header               http.Header
		want                 core.Reason
	}{
		{"a tagged session", "", polling + "&sid=" + tag + ".a-1", nil, core.ReasonTag},
		{"a learned session", "", polling3 + "&sid=a-1", nil, core.ReasonLearned},
		{"a session found by its cookie", "cookie", polling + "&sid=a-1", cookie, core.ReasonCookie},
		{"a new session with a cookie", "cookie", polling, cookie, core.ReasonCookie},
		{"a page with a cookie", "cookie", "page=1", cookie, core.ReasonCookie},
		{"a new session", "", polling, nil, core.ReasonNew},
		{"a session that sid off leaves alone", "sid off", polling + "&sid=a-1", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n.sessions.Store(0)
			s := serveReasons(t, "socketio "+n.address()+" {\n"+tc.options+"\n}")
			s.get(t, polling3) // opens the session a-1
			s.assertReason(t, tc.query, tc.header, tc.want, tag)
		})
	}
}

func TestReasonsOfUnknownSessions(t *testing.T) {
	n := startNode(t, "a")
	tag := tagOfNode(n)
	other := core.NewTagger("theirs").Tag(n.address())
	for _, tc := range []struct {
		name, options, query, cookie string
		reason                       core.Reason
		tag                          string
	}{
		{"the tag of another secret", "", polling + "&sid=" + other + ".a-1", "", core.ReasonUnknownTag, other},
		{"the tag of another secret, with a cookie", "cookie", polling + "&sid=" + other + ".a-1", tag, core.ReasonUnknownTag, other},
		{"no tag", "", polling + "&sid=a-1", "", core.ReasonUnknownSession, tag},
		{"no tag, and a cookie of another secret", "cookie", polling + "&sid=a-1", other, core.ReasonUnknownSession, tag},
		{"a session that was not learned", "", polling3 + "&sid=a-1", "", core.ReasonUnknownSession, tag},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serveReasons(t, "socketio "+n.address()+" {\n"+tc.options+"\n}")
			s.assertReason(t, tc.query, withCookies("server_id="+tc.cookie), tc.reason, tc.tag)
		})
	}
}

// sessionsOnSecond are requests of a session on the second of two nodes, each
// with another way to pin it. TAG stands for that node's tag.
var sessionsOnSecond = []struct{ name, options, query, cookie string }{
	{"a tagged session", "", polling + "&sid=TAG.b-1", ""},
	{"a tagged session with a cookie", "cookie", polling + "&sid=TAG.b-1", "TAG"},
	{"a learned session", "", polling3 + "&sid=b-1", ""},
	{"a session found by its cookie", "cookie", polling + "&sid=b-1", "TAG"},
	{"a session found by its cookie with sid off", "cookie\nsid off", polling + "&sid=b-1", "TAG"},
}

// openOnSecond opens the session b-1 on the second of two nodes, and returns the
// query and the headers of a request of it.
func openOnSecond(t *testing.T, s *server, second *node, query, cookie string) (string, http.Header) {
	t.Helper()
	for second.sessions.Load() == 0 {
		s.get(t, polling3)
	}
	fill := strings.NewReplacer("TAG", tagOfNode(second))
	return fill.Replace(query), withCookies("server_id=" + fill.Replace(cookie))
}

func TestReasonOfSessionsWhoseUpstreamWasRemoved(t *testing.T) {
	for _, tc := range sessionsOnSecond {
		t.Run(tc.name, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			options := " {\n" + tc.options + "\n}"
			s := serveReasons(t, "socketio"+addresses+options)
			query, header := openOnSecond(t, s, nodes[1], tc.query, tc.cookie)
			s.reload(t, withReasons("socketio "+nodes[0].address()+options))
			s.assertReason(t, query, header, core.ReasonUpstreamGone, tagOfNode(nodes[1]))
			assert.Len(t, s.logged(t, `"warn"`, "was removed", tagOfNode(nodes[1]), `"requests":1}`), 1)
			res, body := s.send(t, http.MethodGet, query, header)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.JSONEq(t, unknown, body, "the upstream's reply makes the client reconnect")
		})
	}
}

func TestReasonOfSessionsWhoseUpstreamIsUnhealthy(t *testing.T) {
	for _, tc := range sessionsOnSecond {
		t.Run(tc.name, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			s := serveReasons(t, "socketio"+addresses+" {\nfail_duration 1h\ntransport http {\nkeepalive off\n}\n"+tc.options+"\n}")
			query, header := openOnSecond(t, s, nodes[1], tc.query, tc.cookie)
			nodes[1].Close()
			for _, when := range []string{"the request finds out", "Caddy knows"} {
				s.assertReason(t, query, header, core.ReasonUpstreamUnhealthy, tagOfNode(nodes[1]))
				require.Len(t, s.logged(t, "new sessions avoid it", nodes[1].address()), 1, when)
			}
		})
	}
}

func TestFormerTagsAreForgottenOnlyWhenThereAreMany(t *testing.T) {
	seen := newSeenTags()
	seen.add("first")
	for i := range maxSeenTags - 1 {
		seen.add(core.NewTagger("").Tag(string(rune(i))))
	}
	assert.True(t, seen.has("first"))
	for i := range 2 * maxSeenTags {
		seen.add(core.NewTagger("x").Tag(string(rune(i))))
	}
	assert.False(t, seen.has("first"))
	assert.LessOrEqual(t, len(seen.recent)+len(seen.older), 2*maxSeenTags)
}
