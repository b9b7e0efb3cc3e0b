package caddy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// requestsOf returns how many requests the nodes have had since the last call.
func requestsOf(nodes ...*node) (requests int) {
	for _, n := range nodes {
		for len(n.queries) > 0 {
			<-n.queries
			requests++
		}
	}
	return requests
}

// assertRejected sends a request of a lost session, and checks that it gets the
// reply of Engine.IO, and no node the request.
func (s *server) assertRejected(t *testing.T, query string, header http.Header, nodes ...*node) *http.Response {
	t.Helper()
	requestsOf(nodes...)
	var last *http.Response
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		res, body := s.send(t, method, query, header)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Equal(t, "application/json", res.Header.Get("Content-Type"))
		assert.JSONEq(t, unknown, body)
		assert.NotContains(t, res.Header, "Access-Control-Allow-Origin")
		assert.Zero(t, requestsOf(nodes...), "requests that nodes got")
		last = res
	}
	return last
}

func TestLostSessionsWhoseUpstreamWasRemovedAreRejected(t *testing.T) {
	for _, tc := range sessionsOnSecond {
		t.Run(tc.name, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			options := " {\nlost reject\n" + tc.options + "\n}"
			s := serveReasons(t, "socketio"+addresses+options)
			query, header := openOnSecond(t, s, nodes[1], tc.query, tc.cookie)
			res, body := s.send(t, http.MethodGet, query, header)
			require.Equal(t, http.StatusOK, res.StatusCode)
			require.Equal(t, "b", body)
			s.reload(t, withReasons("socketio "+nodes[0].address()+options))
			if res.Header.Get("X-Reason") == string(core.ReasonCookie) {
				s.assertReason(t, query, header, core.ReasonUpstreamGone, tagOfNode(nodes[1]))
				return
			}
			res = s.assertRejected(t, query, header, nodes...)
			assert.Equal(t, string(core.ReasonUpstreamGone), res.Header.Get("X-Reason"))
			assert.Equal(t, tagOfNode(nodes[1]), res.Header.Get("X-Tag"))
			assert.NotEmpty(t, s.logged(t, "rejected request of lost session", `"reason":"upstream_gone"`, tagOfNode(nodes[1])))
			assert.Len(t, s.logged(t, `"warn"`, "was removed", tagOfNode(nodes[1]), `"requests":1`), 1)
		})
	}
}

func TestLostSessionsWhoseUpstreamIsUnhealthyAreRejected(t *testing.T) {
	for _, options := range []string{
		"fail_duration 1h",        // passive health checks: the second request finds the upstream unhealthy
		"lb_try_duration 1h",      // without an upstream, Caddy would ask again for an hour
		"lb_retries 1",            // the only retry rejects
		"lb_retries 3\ncookie",    // the reply sets no cookie
		"fallback first\nsid tag", // whatever the fallback
	} {
		t.Run(options, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			s := serveReasons(t, "socketio"+addresses+" {\nlost reject\ntransport http {\nkeepalive off\n}\n"+options+"\n}")
			var sid string
			for sid == "" || sid[12] != 'a' {
				sid = s.open(t, polling)
			}
			nodes[0].Close()
			res := s.assertRejected(t, polling+"&sid="+sid, http.Header{}, nodes[1])
			assert.Equal(t, string(core.ReasonUpstreamUnhealthy), res.Header.Get("X-Reason"))
			assert.Empty(t, res.Header.Values("Set-Cookie"))
		})
	}
}

func TestSessionsWithUnknownTagsAreRejected(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\nlost reject\n}")
	s.assertRejected(t, polling+"&sid="+core.NewTagger("theirs").Tag(nodes[0].address())+".a-1", http.Header{}, nodes...)
}

func TestSessionsThatMayExistAreNotRejected(t *testing.T) {
	n := startNode(t, "a")
	for _, tc := range []struct{ name, options, query string }{
		{"a session without a tag", "", polling + "&sid=a-1"},
		{"a session that was not learned", "sid learn", polling + "&sid=a-1"},
		{"a session that sid off leaves alone", "sid off", polling + "&sid=a-1"},
		{"a tagged session", "", polling + "&sid=" + tagOfNode(n) + ".a-1"},
		{"a session of a draining upstream", "drain " + n.address(), polling + "&sid=" + tagOfNode(n) + ".a-1"},
		{"a request that is not Engine.IO's", "", "sid=a-1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, "socketio "+n.address()+" {\nlost reject\n"+tc.options+"\n}")
			res, body := s.get(t, tc.query)
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Equal(t, "a", body)
		})
	}
}

// A preflight request may be answered by any upstream. A browser that gets an error
// would not tell the page what the reply to the request itself is.
func TestPreflightsOfLostSessionsAreNotRejected(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\nlost reject\n}")
	s.do(t, http.MethodOptions, polling+"&sid="+core.NewTagger("theirs").Tag("b")+".b-1")
	assert.Equal(t, 1, requestsOf(n))
}

// Without lb_try_duration, Caddy does not wait until the upstream is free.
func TestSessionsOfAnUpstreamAtItsRequestLimitAreNotRejected(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	nodes[0].hold = make(chan struct{})
	s := serve(t, "socketio"+addresses+" {\nlost reject\nunhealthy_request_count 1\nfail_duration 1s\nfallback first\n}")
	sid := s.open(t, polling)
	<-nodes[0].queries
	answers := make(chan string, 1)
	poll := func() {
		_, body := s.get(t, polling+"&sid="+sid)
		answers <- body
	}
	go poll()
	<-nodes[0].queries // with this poll, the node is at its limit
	res, _ := s.get(t, polling+"&sid="+sid)
	assert.Equal(t, http.StatusServiceUnavailable, res.StatusCode)
	close(nodes[0].hold)
	assert.Equal(t, "a", <-answers)
}

func TestWebSocketsOfLostSessionsAreRejected(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\nlost reject\n}")
	res, body := s.send(t, http.MethodGet, "EIO=4&transport=websocket&sid="+core.NewTagger("theirs").Tag("b")+".b-1", http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	})
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	assert.Equal(t, "text/html", res.Header.Get("Content-Type"))
	assert.Equal(t, "Session ID unknown", body)
	assert.Zero(t, requestsOf(n))
}

// The site decides which origins are allowed.
func TestRejectionsHaveTheHeadersOfTheSite(t *testing.T) {
	n := startNode(t, "a")
	for _, header := range []string{"header Access-Control-Allow-Origin https://app.example", "header ?Access-Control-Allow-Origin https://app.example"} {
		s := serve(t, header+"\nsocketio "+n.address()+" {\nlost reject\n}")
		res, _ := s.send(t, http.MethodGet, polling+"&sid="+core.NewTagger("theirs").Tag("b")+".b-1", http.Header{"Origin": {"https://evil.example"}})
		assert.Equal(t, http.StatusBadRequest, res.StatusCode)
		assert.Equal(t, []string{"https://app.example"}, res.Header["Access-Control-Allow-Origin"])
	}
}

// An error that rejects a request must not be taken for one of the upstream.
func TestRejectionsAreNoErrorsOfTheSite(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\nlost reject\n}\nhandle_errors {\nrespond error 599\n}")
	s.assertRejected(t, polling+"&sid="+core.NewTagger("theirs").Tag("b")+".b-1", http.Header{}, n)
	assert.Empty(t, s.logged(t, `"level":"error"`))
}

func TestWithoutTheHandlerNothingIsRejected(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "reverse_proxy "+n.address()+" {\nlb_policy affinity {\nlost reject\n}\n}")
	res, _ := s.get(t, polling+"&sid="+core.NewTagger("theirs").Tag("b")+".b-1")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	assert.Equal(t, 1, requestsOf(n))
}

// The tag is that of a former address of the same upstream.
func TestTheOnlyUpstreamKeepsItsSessionsUnderAnotherAddressUnlessTheyAreRejected(t *testing.T) {
	n := startNode(t, "a")
	other := strings.Replace(n.address(), "127.0.0.1", "localhost", 1)
	for lost, want := range map[string]int{"fallback": http.StatusOK, "reject": http.StatusBadRequest} {
		options := " {\nlost " + lost + "\n}"
		s := serve(t, "socketio "+n.address()+options)
		sid := s.open(t, polling)
		s.reload(t, "socketio "+other+options)
		res, _ := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, want, res.StatusCode, lost)
	}
}

func TestAnUnknownValueOfLostIsRefused(t *testing.T) {
	policy := &AffinitySelection{Lost: "ignore"}
	require.ErrorContains(t, policy.Provision(newContext(t)), `lost "ignore": must be fallback or reject`)
}
