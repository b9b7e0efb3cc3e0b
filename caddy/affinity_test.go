package caddy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

const (
	polling = "EIO=4&transport=polling"
	unknown = `{"code":1,"message":"Session ID unknown"}`
)

func TestTaggedSessionsStayOnTheirUpstream(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	seen := map[string]int{}
	for range 30 {
		sid := s.open(t, polling)
		require.Regexp(t, `^[A-Za-z0-9_-]{11}\.[abc]-\d+$`, sid)
		own := sid[12:]
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
			_, body := s.do(t, method, polling+"&t=x&sid="+sid)
			assert.Equal(t, own[:1], body, method)
		}
		seen[own[:1]]++
	}
	assert.Len(t, seen, 3, "all upstreams have sessions: %v", seen)
	for _, n := range nodes {
		close(n.queries)
		for query := range n.queries {
			assert.NotRegexp(t, `sid=[^&]*\.`, query, "an upstream got the tag")
		}
	}
}

func TestTheSecretKeysTheTag(t *testing.T) {
	n := startNode(t, "a")
	t.Setenv("AFFINITY_SECRET", "open sesame")
	s := serve(t, "socketio "+n.address()+" {\n secret {env.AFFINITY_SECRET}\n}")
	assert.Equal(t, core.Bind(core.NewTagger("open sesame").Tag(n.address()), "a-1"), s.open(t, polling))
}

func TestSessionIDsWithoutAValidTagPassUnchanged(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	tag := core.NewTagger("").Tag(n.address())
	cases := []struct{ name, query string }{
		{"no tag", "&sid=x"},
		{"too long", "&sid=" + tag + "." + strings.Repeat("x", 1000)},
		{"a character that no tag has", "&sid=" + tag + "!.x"},
		{"two session IDs", "&sid=" + tag + ".x&sid=" + tag + ".y"},
		{"a percent-encoded separator", "&sid=" + tag + "%2Ex"},
		{"nothing after the tag", "&sid=" + tag + "."},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			res, body := s.get(t, polling+tc.query)
			assert.Equal(t, http.StatusBadRequest, res.StatusCode)
			assert.JSONEq(t, unknown, body)
			assert.Equal(t, polling+tc.query, <-n.queries)
		})
	}
}

func TestSIDModes(t *testing.T) {
	n := startNode(t, "a")
	bound := core.NewTagger("").Tag(n.address()) + "."
	cases := []struct{ name, options, query, prefix string }{
		{"auto tags Engine.IO 4", "", "EIO=4&transport=polling", bound},
		{"auto learns Engine.IO 3", "", "EIO=3&transport=polling", "a-"},
		{"learn learns Engine.IO 4", "sid learn", "EIO=4&transport=polling", "a-"},
		{"tag tags Engine.IO 3", "sid tag", "EIO=3&transport=polling", bound},
		{"off leaves Engine.IO 4 alone", "sid off", "EIO=4&transport=polling", "a-"},
		{"requests without EIO are left alone", "", "transport=polling", "a-"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, "socketio "+n.address()+" {\n"+tc.options+"\n}")
			sid := s.open(t, tc.query)
			assert.True(t, strings.HasPrefix(sid, tc.prefix), "%s does not begin with %s", sid, tc.prefix)
			_, body := s.get(t, tc.query+"&sid="+sid)
			assert.Equal(t, "a", body)
		})
	}
}

func TestSessionsWithUnknownTagsLogWarnings(t *testing.T) {
	_, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\n secret one\n}")
	other := core.NewTagger("theirs").Tag(strings.Fields(addresses)[0])
	for range 99 {
		res, body := s.get(t, polling+"&sid="+core.Bind(other, "x"))
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.JSONEq(t, unknown, body, "the upstream's reply makes the client reconnect")
	}
	warnings := s.logged(t, `"warn"`, "have the same secret", other)
	require.Len(t, warnings, 2)
	assert.Contains(t, warnings[0], `"requests":1}`)
	assert.Contains(t, warnings[1], `"requests":10}`)
}

func TestSessionsOfAnUnhealthyUpstreamGetSessionIDUnknown(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	// Without keepalive off, a request may be sent on a connection that the node
	// is closing. Such a request is not retried.
	s := serve(t, "socketio"+addresses+" {\n fail_duration 1h\n fallback first\n transport http {\n keepalive off\n }\n}")
	sid := s.open(t, polling)
	require.Equal(t, "a", sid[12:13])
	nodes[0].Close()

	for range 3 {
		res, body := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.JSONEq(t, unknown, body)
	}
	assert.Equal(t, "b", s.open(t, polling)[12:13])
}

func TestHandshakesAreRetriedOnAnotherUpstream(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	nodes[0].Close()
	for _, fallback := range []string{"first", "least_conn", "round_robin", "random", "ip_hash"} {
		t.Run("with "+fallback, func(t *testing.T) {
			s := serve(t, "socketio"+addresses+" {\n fallback "+fallback+"\n}")
			for range 20 {
				s.open(t, polling)
			}
		})
	}
}

func TestHandshakesFailWhenAllUpstreamsAreDown(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	for _, n := range nodes {
		n.Close()
	}
	res, _ := s.get(t, polling)
	assert.Equal(t, http.StatusBadGateway, res.StatusCode)
}

func TestRequestsWaitForAPinnedUpstreamAtItsRequestLimit(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	nodes[0].hold = make(chan struct{})
	s := serve(t, "socketio"+addresses+" {\n unhealthy_request_count 1\n fail_duration 1s\n fallback first\n lb_try_duration 1m\n lb_try_interval 5ms\n}")
	sid := s.open(t, polling)
	require.Equal(t, "a", sid[12:13])
	<-nodes[0].queries

	answers := make(chan string, 2)
	poll := func() {
		_, body := s.get(t, polling+"&sid="+sid)
		answers <- body
	}
	go poll()
	<-nodes[0].queries // with its first poll, the node is at its limit
	go poll()
	assert.Equal(t, "b", s.open(t, polling)[12:13], "new sessions do not wait")
	select {
	case answer := <-answers:
		t.Errorf("a poll got a reply while its node was at its limit: %s", answer)
	case query := <-nodes[0].queries:
		t.Errorf("a poll reached a node at its limit: %s", query)
	default:
	}
	close(nodes[0].hold)
	assert.Equal(t, "a", <-answers)
	assert.Equal(t, "a", <-answers)
}

func TestNestedHandlersActAsOne(t *testing.T) {
	_, addresses := startNodes(t, 3)
	s := serve(t, "affinity\nroute {\n socketio"+addresses+"\n}")
	for range 10 {
		sid := s.open(t, polling)
		_, body := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, sid[12:13], body)
	}
}

func TestARewriteOfTheProxyGetsTheSessionIDWithoutATag(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\n rewrite /elsewhere{uri}\n}")
	sid := s.open(t, polling)
	<-n.queries
	_, body := s.get(t, polling+"&sid="+sid)
	assert.Equal(t, "a", body)
	assert.Equal(t, polling+"&sid=a-1", <-n.queries)
}

func TestPlaceholdersInTheAccessLog(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, `log
		log_append io_sid {http.affinity.sid}
		log_append io_tag {http.affinity.tag}
		log_append io_reason {http.affinity.reason}
		socketio `+n.address())
	sid := s.open(t, polling)
	tag := sid[:11]
	s.get(t, polling+"&sid="+sid)
	other := core.NewTagger("").Tag("other")
	s.get(t, polling+"&sid="+core.Bind(other, "a-1"))
	s.get(t, polling+"&sid="+core.Bind(tag, "%0d%0aX-Evil:1"))
	s.get(t, "other=1")

	require.Eventually(t, func() bool { return len(s.logged(t, "handled request")) == 5 }, patience, patience/1000)
	for i, want := range []struct{ sid, tag, reason any }{
		{"a-1", tag, "new"},
		{"a-1", tag, "tag"},
		{other + ".a-1", other, "unknown_tag"},
		{"", tag, "tag"},
		{nil, nil, nil},
	} {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(s.logged(t, "handled request")[i]), &entry))
		assert.Equal(t, want.sid, entry["io_sid"])
		assert.Equal(t, want.tag, entry["io_tag"])
		assert.Equal(t, want.reason, entry["io_reason"])
	}
	assert.Len(t, s.logged(t, "opened session", `"sid":"a-1"`, tag), 1)
}

func TestAMissingPolicyLogsOneWarning(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "affinity\nreverse_proxy "+n.address())
	for range 3 {
		assert.Equal(t, "a-", s.open(t, polling)[:2], "the session is not tagged")
	}
	assert.Len(t, s.logged(t, `"warn"`, "no lb_policy affinity chose their upstream"), 1)
}

func TestAMissingHandlerLogsOneWarning(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "reverse_proxy "+n.address()+" {\n lb_policy affinity\n}")
	s.get(t, "page=1")
	assert.Empty(t, s.logged(t, `"warn"`, "do not pass the affinity handler"), "requests without EIO log no warning")
	for range 3 {
		s.open(t, polling)
	}
	assert.Len(t, s.logged(t, `"warn"`, "do not pass the affinity handler"), 1)
}
