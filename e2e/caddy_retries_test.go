package e2e

import (
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCaddySendsARequestThatCrashesANodeToNoOther has five nodes that end at one
// GET. Caddy's connections to them are new, or idle ones that were used before:
// then its transport dials the node again, which refuses by then.
func TestCaddySendsARequestThatCrashesANodeToNoOther(t *testing.T) {
	for name, used := range map[string]bool{"over new connections": false, "over connections that were used": true} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c", "d", "e"}, "--crash", "--trace")
			f := caddyShorthand.expecting(badGateway).serve(t, site{upstreams: addresses(nodes)})[0]
			if used {
				openSessions(t, f, 2*len(nodes))
			}
			resp, err := f.get("/crash")
			require.NoError(t, err)
			assert.Equal(t, http.StatusBadGateway, resp.StatusCode)

			requireSoon(t, "the node that got the request has ended", func() bool { return ended(nodes) > 0 })
			assert.Equal(t, 1, ended(nodes), "nodes that ended")
			openSessions(t, f, 10)
		})
	}
}

// ended returns how many of the nodes have ended.
func ended(nodes []*node) (count int) {
	for _, n := range nodes {
		select {
		case <-n.exited:
			count++
		default:
		}
	}
	return count
}

// TestCaddyGivesUpAPinnedNodeThatVanishedAfterOneDial has a node from which no
// packet comes back: it is stopped, and its queue of connections is full, so
// that the kernel drops what comes to it.
func TestCaddyGivesUpAPinnedNodeThatVanishedAfterOneDial(t *testing.T) {
	const transport = "transport http {\nkeepalive off\ndial_timeout 1s\n}"
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	s := site{upstreams: addresses(nodes)}
	f := caddyWith(transport).serve(t, s)[0]
	single := caddyWith(transport, "lb_retries 0", "cool_down off").expecting(badGateway).serve(t, site{upstreams: addresses(nodes[:1])})[0]
	tags := tagsOf(t, f, nodes)

	nodes[0].signal(t, syscall.SIGSTOP)
	t.Cleanup(func() { nodes[0].signal(t, syscall.SIGCONT) })
	fillQueue(t, nodes[0].addr)

	poll := func(f front) (status int, took time.Duration) {
		e := newEngine(t, f)
		e.sid = tags["a"] + ".AAAAAAAAAAAAAAAAAAAA"
		start := time.Now()
		r := e.do(t, http.MethodGet, "", nil)
		return r.StatusCode, time.Since(start)
	}
	status, once := poll(single)
	require.GreaterOrEqual(t, status, http.StatusBadGateway, "the only node cannot be dialed")
	status, took := poll(f)
	t.Logf("%s: one dial takes %s, a pinned request %s", t.Name(), once, took)
	assert.Equal(t, http.StatusBadRequest, status, "another node says that it does not know the session")
	assert.Less(t, took, 2*once, "it is dialed once")
}

// fillQueue makes connections to a stopped program until one more is not
// accepted.
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
