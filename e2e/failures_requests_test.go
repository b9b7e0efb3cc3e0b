package e2e

import (
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// TestCaddyDoesNotCoolDownANodeThatDropsARequest has a client send two of three
// nodes a request whose connection they close without an answer. Caddy matches
// paths without regard to case, and Engine.IO does not: it closes the
// connection of an upgrade at another path after a second.
func TestCaddyDoesNotCoolDownANodeThatDropsARequest(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	f := testbed.CaddyWith("secret sesame").ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	tags := testbed.TagsByNode(t, f, nodes)

	for _, name := range []string{"a", "b"} {
		reply := f.SendRaw(t, strings.Replace(testbed.UpgradeRequest(f, tags[name]+".x"), "/socket.io/", "/SOCKET.IO/", 1))
		assert.Regexp(t, "^HTTP/1.1 502 ", reply, "the node closes the connection")
	}
	assertEven(t, testbed.OpenSessions(t, f, 60), nodes)
}

// TestCaddyDoesNotCoolDownANodeThatRepliesWithAnError has a client get replies
// of two of three nodes that the site's config replaces by errors, or retries.
func TestCaddyDoesNotCoolDownANodeThatRepliesWithAnError(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"that an error page replaces": "@refused status 400\nhandle_response @refused {\nerror 404\n}",
		"that are tried again":        "lb_retry_match `{http.reverse_proxy.status_code} == 400`",
	} {
		t.Run(name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
			f := testbed.CaddyWith(lines).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			tags := testbed.TagsByNode(t, f, nodes)
			for _, name := range []string{"a", "b"} {
				e := testbed.NewEngine(t, f)
				e.SID = tags[name] + ".x"
				r := e.Do(t, http.MethodGet, "", nil)
				require.GreaterOrEqual(t, r.StatusCode, http.StatusBadRequest)
			}
			assertEven(t, testbed.OpenSessions(t, f, 60), nodes)
		})
	}
}

// TestCaddyKeepsTheWeightsOfTheFallback has the first of three nodes dead, and
// the second with the weight 0, which is how people drain a node.
func TestCaddyKeepsTheWeightsOfTheFallback(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"b", "c"}, "--trace")
	f := testbed.CaddyWith("fallback weighted_round_robin 1 0 1").Serve(t, testbed.Site{Upstreams: append([]string{testbed.FreeAddress(t)}, testbed.Addresses(nodes)...)})[0]
	assert.Equal(t, map[string]int{"c": 60}, testbed.OpenSessions(t, f, 60))
}

// TestCaddySetsTheCookieOfTheFallbackOnce has two of three nodes dead, so that
// Caddy asks the fallback policy several times for one session.
func TestCaddySetsTheCookieOfTheFallbackOnce(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"}, "--trace")
	f := testbed.CaddyWith("fallback cookie lb", "lb_retries 20").Serve(t,
		testbed.Site{Upstreams: []string{testbed.FreeAddress(t), testbed.FreeAddress(t), nodes[0].Addr}})[0]
	cookies := map[string]bool{}
	for range 20 {
		set := testbed.NewEngine(t, f).HandshakeBound(t).Header.Values("Set-Cookie")
		if assert.Len(t, set, 1) {
			cookies[set[0]] = true
		}
	}
	assert.Len(t, cookies, 1, "that of the node that is up")
}

// assertEven checks that these nodes have the same number of sessions, give or
// take one.
func assertEven(t *testing.T, perNode map[string]int, nodes []*testbed.Node) {
	t.Helper()
	t.Logf("%s: new sessions on nodes %v", t.Name(), perNode)
	sessions := 0
	for _, n := range perNode {
		sessions += n
	}
	for _, n := range nodes {
		assert.InDelta(t, sessions/len(nodes), perNode[n.Name], 1, "sessions on node %s, of %v", n.Name, perNode)
	}
}

// TestCaddyDoesNotRetryARequestThatCrashesANode has five nodes that end when
// they get a certain GET. Caddy's connections to them are new, or idle ones
// that were used before: then its transport dials the node again, which
// refuses.
func TestCaddyDoesNotRetryARequestThatCrashesANode(t *testing.T) {
	t.Parallel()
	for name, used := range map[string]bool{"over new connections": false, "over connections that were used": true} {
		t.Run(name, func(t *testing.T) {
			nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c", "d", "e"}, "--crash", "--trace")
			f := testbed.CaddyShorthand.ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			if used {
				testbed.OpenSessions(t, f, 2*len(nodes))
			}
			resp, err := f.Get("/crash")
			require.NoError(t, err)
			assert.Equal(t, http.StatusBadGateway, resp.StatusCode)

			testbed.RequireEventually(t, "the node that got the request has ended", func() bool { return testbed.CountExited(nodes) > 0 })
			assert.Equal(t, 1, testbed.CountExited(nodes), "nodes that ended")
			testbed.OpenSessions(t, f, 10)
		})
	}
}

// TestCaddyDialsAVanishedPinnedNodeOnce has a node that answers no packet: it
// is stopped, and its accept queue is full, so that the kernel drops new
// connections.
func TestCaddyDialsAVanishedPinnedNodeOnce(t *testing.T) {
	t.Parallel()
	const transport = "transport http {\nkeepalive off\ndial_timeout 1s\n}"
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"}, "--trace")
	s := testbed.Site{Upstreams: testbed.Addresses(nodes)}
	f := testbed.CaddyWith(transport).Serve(t, s)[0]
	single := testbed.CaddyWith(transport, "lb_retries 0", "cool_down off").ExpectingErrors(testbed.BadGateway).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes[:1])})[0]
	tags := testbed.TagsByNode(t, f, nodes)

	nodes[0].Signal(t, syscall.SIGSTOP)
	t.Cleanup(func() { nodes[0].Signal(t, syscall.SIGCONT) })
	fillQueue(t, nodes[0].Addr)

	poll := func(f testbed.Endpoint) (status int, took time.Duration) {
		e := testbed.NewEngine(t, f)
		e.SID = tags["a"] + ".AAAAAAAAAAAAAAAAAAAA"
		start := time.Now()
		r := e.Do(t, http.MethodGet, "", nil)
		return r.StatusCode, time.Since(start)
	}
	status, once := poll(single)
	require.GreaterOrEqual(t, status, http.StatusBadGateway, "the only node cannot be dialed")
	status, took := poll(f)
	t.Logf("%s: one dial takes %s, a pinned request %s", t.Name(), once, took)
	assert.Equal(t, http.StatusBadRequest, status, "another node says that it does not know the session")
	assert.Less(t, took, 2*once, "it is dialed once")
}

// fillQueue opens connections to a stopped program until the kernel accepts no
// more.
func fillQueue(t *testing.T, address string) {
	t.Helper()
	for range 10_000 {
		conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond)
		if err != nil {
			return
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	require.FailNow(t, "the queue is not full")
}
