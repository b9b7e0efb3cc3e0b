package e2e

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// openSessions opens so many sessions, and returns how many each node has.
func openSessions(t *testing.T, f front, sessions int) map[string]int {
	t.Helper()
	perNode := map[string]int{}
	for range sessions {
		perNode[newEngine(t, f).handshakeReply(t).Header.Get("X-Node")]++
	}
	return perNode
}

// assertEven checks that sessions are spread over these nodes as evenly as with
// nothing else going on.
func assertEven(t *testing.T, perNode map[string]int, nodes []*node) {
	t.Helper()
	t.Logf("%s: new sessions on nodes %v", t.Name(), perNode)
	sessions := 0
	for _, n := range perNode {
		sessions += n
	}
	for _, n := range nodes {
		assert.InDelta(t, sessions/len(nodes), perNode[n.name], 1, "sessions on node %s, of %v", n.name, perNode)
	}
}

// tagsOf returns the tag of each node, as sessions that it opens have it.
func tagsOf(t *testing.T, f front, nodes []*node) map[string]string {
	t.Helper()
	tags := map[string]string{}
	requireSoon(t, "a session on each node", func() bool {
		e := newEngine(t, f)
		name := e.handshakeReply(t).Header.Get("X-Node")
		tags[name], _, _ = strings.Cut(e.sid, ".")
		return len(tags) == len(nodes)
	})
	return tags
}

// TestCaddyKeepsNewSessionsOnNodesThatAClientMakesBreakOff has a client ask two
// of three nodes for what they end without an answer. Caddy matches paths
// without case, and Engine.IO does not: it closes the connection of an upgrade
// elsewhere after a second.
func TestCaddyKeepsNewSessionsOnNodesThatAClientMakesBreakOff(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	f := caddyWith("secret sesame").expecting(badGateway).serve(t, site{upstreams: addresses(nodes)})[0]
	tags := tagsOf(t, f, nodes)

	for _, name := range []string{"a", "b"} {
		said := f.say(t, strings.Replace(upgradeRequest(f, tags[name]+".x"), "/socket.io/", "/SOCKET.IO/", 1))
		assert.Regexp(t, "^HTTP/1.1 502 ", said, "the node breaks off")
	}
	assertEven(t, openSessions(t, f, 60), nodes)
}

// TestCaddyKeepsNewSessionsOnNodesWhoseRepliesAreErrors has a client get replies
// of two of three nodes that the site's config turns into errors, or tries again.
func TestCaddyKeepsNewSessionsOnNodesWhoseRepliesAreErrors(t *testing.T) {
	for name, lines := range map[string]string{
		"that an error page replaces": "@refused status 400\nhandle_response @refused {\nerror 404\n}",
		"that are tried again":        "lb_retry_match `{http.reverse_proxy.status_code} == 400`",
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
			f := caddyWith(lines).serve(t, site{upstreams: addresses(nodes)})[0]
			tags := tagsOf(t, f, nodes)
			for _, name := range []string{"a", "b"} {
				e := newEngine(t, f)
				e.sid = tags[name] + ".x"
				r := e.do(t, http.MethodGet, "", nil)
				require.GreaterOrEqual(t, r.StatusCode, http.StatusBadRequest)
			}
			assertEven(t, openSessions(t, f, 60), nodes)
		})
	}
}

// TestCaddyKeepsTheWeightsOfTheFallback has the first of three nodes dead. The
// second has the weight 0, which is how people drain a node.
func TestCaddyKeepsTheWeightsOfTheFallback(t *testing.T) {
	nodes := startNodes(t, []string{"b", "c"}, "--trace")
	f := caddyWith("fallback weighted_round_robin 1 0 1").serve(t, site{upstreams: append([]string{freeAddress(t)}, addresses(nodes)...)})[0]
	assert.Equal(t, map[string]int{"c": 60}, openSessions(t, f, 60))
}

// TestCaddySetsTheCookieOfTheFallbackOnce has two of three nodes dead, so that
// the fallback policy is asked several times for one session.
func TestCaddySetsTheCookieOfTheFallbackOnce(t *testing.T) {
	nodes := startNodes(t, []string{"a"}, "--trace")
	f := caddyWith("fallback cookie lb", "lb_retries 20").serve(t,
		site{upstreams: []string{freeAddress(t), freeAddress(t), nodes[0].addr}})[0]
	cookies := map[string]bool{}
	for range 20 {
		set := newEngine(t, f).handshakeReply(t).Header.Values("Set-Cookie")
		if assert.Len(t, set, 1) {
			cookies[set[0]] = true
		}
	}
	assert.Len(t, cookies, 1, "that of the node that is up")
}
