package caddy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// errRefused is why an upstream could not be dialed.
var errRefused = errors.New("connection refused")

func TestUpstreamsCoolDown(t *testing.T) {
	dials := newFailedDials()
	clock := time.Unix(1000, 0)
	dials.now = func() time.Time { return clock }
	c := dials.coolDowns(defaultCoolDown)
	pool := newPool(1, 2)
	c.start(pool[0], errRefused)
	assert.True(t, c.has(pool[0]))
	assert.False(t, c.has(pool[1]))
	failed, left := c.left(pool[0])
	assert.Equal(t, errRefused, failed.err)
	assert.Equal(t, defaultCoolDown, left)

	clock = clock.Add(defaultCoolDown)
	assert.False(t, c.has(pool[0]))
	assert.False(t, dials.some.Load())
	assert.Empty(t, dials.last)
}

func TestPoliciesShareFailedDialsAndApplyTheirOwnCoolDown(t *testing.T) {
	dials := newFailedDials()
	clock := time.Unix(1000, 0)
	dials.now = func() time.Time { return clock }
	short, long, off := dials.coolDowns(time.Second), dials.coolDowns(time.Minute), dials.coolDowns(0)
	pool := newPool(1, 2)
	assert.True(t, short.start(pool[0], errRefused))
	assert.False(t, off.start(pool[1], errRefused))
	for _, tc := range []struct {
		after       time.Duration
		short, long bool
	}{{0, true, true}, {time.Second, false, true}, {time.Minute, false, false}} {
		clock = time.Unix(1000, 0).Add(tc.after)
		assert.Equal(t, tc.short, short.has(pool[0]), "after %s", tc.after)
		assert.Equal(t, tc.long, long.has(pool[0]), "after %s", tc.after)
		assert.False(t, off.has(pool[0]), "after %s", tc.after)
		assert.False(t, long.has(pool[1]), "after %s", tc.after)
	}
	assert.Empty(t, dials.last)
}

func TestNewSessionsAvoidUpstreamsThatCoolDown(t *testing.T) {
	for _, fallback := range []string{"", "first", "least_conn", "round_robin", "random", "ip_hash", "weighted_round_robin 1 1 1 1"} {
		t.Run(fallback, func(t *testing.T) {
			options := "fallback " + fallback
			if fallback == "" {
				options = ""
			}
			policy := newPolicy(t, options)
			pool := newPool(1, 4)
			policy.coolDowns.start(pool[0], errRefused)
			policy.coolDowns.start(pool[1], errRefused)
			for range 20 {
				req, _ := newRequest(t, "")
				assert.Contains(t, pool[2:], policy.Select(pool, req, nil))
			}
			policy.coolDowns.start(pool[2], errRefused)
			policy.coolDowns.start(pool[3], errRefused)
			req, _ := newRequest(t, "")
			assert.NotNil(t, policy.Select(pool, req, nil), "if all cool down, any of them is selected")
		})
	}
}

// traced returns the trace of a request that a policy has selected an upstream for.
func traced(req *http.Request) *httptrace.ClientTrace {
	return httptrace.ContextClientTrace(req.Context())
}

func TestOnlyFailedDialsStartACoolDown(t *testing.T) {
	refused := errors.New("connection refused")
	for _, tc := range []struct {
		name  string
		dial  string // of the upstream
		sees  func(trace *httptrace.ClientTrace)
		cools bool
	}{
		{"refused", "10.0.0.1:1", func(trace *httptrace.ClientTrace) { trace.ConnectDone("tcp", "", refused) }, true},
		{"a name that cannot be resolved", "node1:1", func(trace *httptrace.ClientTrace) { trace.DNSDone(httptrace.DNSDoneInfo{Err: refused}) }, true},
		{"refused by the first of two addresses", "10.0.0.1:1", func(trace *httptrace.ClientTrace) {
			trace.ConnectDone("tcp", "", refused)
			trace.ConnectDone("tcp", "", nil)
		}, false},
		{"refused, but an idle connection was used", "10.0.0.1:1", func(trace *httptrace.ClientTrace) {
			trace.GotConn(httptrace.GotConnInfo{})
			trace.ConnectDone("tcp", "", refused)
		}, false},
		{"a connection that breaks after the request was sent", "10.0.0.1:1", func(trace *httptrace.ClientTrace) {
			trace.ConnectDone("tcp", "", nil)
			trace.WroteHeaders()
		}, false},
		{"canceled by the client", "10.0.0.1:1", func(trace *httptrace.ClientTrace) { trace.ConnectDone("tcp", "", context.Canceled) }, false},
		{"no free file descriptors", "10.0.0.1:1", func(trace *httptrace.ClientTrace) { trace.ConnectDone("tcp", "", syscall.EMFILE) }, false},
		{"an address with a placeholder", "{http.request.host}:1", func(trace *httptrace.ClientTrace) { trace.ConnectDone("tcp", "", refused) }, false},
		{"no dial", "10.0.0.1:1", func(*httptrace.ClientTrace) {}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			policy := newPolicy(t, "")
			pool := newPool(1, 1)
			pool[0].Dial = tc.dial
			req, state := newRequest(t, "")
			require.Same(t, pool[0], policy.Select(pool, req, nil))
			tc.sees(traced(req))
			policy.endTry(state, nil)
			assert.Equal(t, tc.cools, policy.coolDowns.has(pool[0]))
		})
	}
}

// A request that one reverse_proxy could not serve may go to another one, for example
// by handle_errors. Each clones the request as it came.
func TestEveryProxyTracesItsRequest(t *testing.T) {
	pool := newPool(1, 1)
	came, state := newRequest(t, "")
	for _, timeout := range []string{"off", "3s"} {
		for range 2 {
			req := came.Clone(came.Context())
			require.Same(t, pool[0], newPolicy(t, "handshake_timeout "+timeout).Select(pool, req, nil))
			require.NotNil(t, traced(req))
			require.NotNil(t, traced(req).ConnectDone)
			state.mayResend = true
		}
	}
}

func TestCoolDownOff(t *testing.T) {
	policy := newPolicy(t, "cool_down off\nfallback first")
	pool := newPool(1, 2)
	req, _ := newRequest(t, "")
	require.Same(t, pool[0], policy.Select(pool, req, nil))
	traced(req).ConnectDone("tcp", "", errors.ErrUnsupported)
	assert.Same(t, pool[1], policy.Select(pool, req, nil), "a retry goes to another upstream")
	req, _ = newRequest(t, "")
	assert.Same(t, pool[0], policy.Select(pool, req, nil))
}

func TestARetryDoesNotDialAPinnedUpstreamAgain(t *testing.T) {
	policy := newPolicy(t, "fallback first")
	pool := newPool(1, 2)
	req, state := newRequest(t, tagOf(pool[1]))
	require.Same(t, pool[1], policy.Select(pool, req, nil))
	traced(req).ConnectDone("tcp", "", errors.ErrUnsupported)
	assert.Same(t, pool[0], policy.Select(pool, req, nil))
	assert.Equal(t, core.ReasonUpstreamUnhealthy, state.reason)
	assert.True(t, policy.coolDowns.has(pool[1]), "new sessions avoid it")

	req, state = newRequest(t, tagOf(pool[1]))
	assert.Same(t, pool[1], policy.Select(pool, req, nil), "another request dials it")
	assert.Equal(t, core.ReasonTag, state.reason)
}

func TestOneFailedDialStartsACoolDown(t *testing.T) {
	for _, query := range []string{polling, "EIO=4&transport=websocket", "page=1"} {
		t.Run(query, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			s := serve(t, "socketio"+addresses+" {\nlb_retries 0\ncool_down 1h\n}")
			nodes[0].Close()
			failed := 0
			for range 20 {
				if res, _ := s.get(t, query); res.StatusCode != http.StatusOK {
					failed++
				}
			}
			assert.Equal(t, 1, failed)
			assert.Len(t, s.logged(t, "could not be dialed", nodes[0].address()), 1)
		})
	}
}

func TestNewSessionsOpenWhileMostUpstreamsAreDown(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	nodes[0].Close()
	nodes[2].Close()
	for range 20 {
		res, body := s.get(t, polling)
		assert.Equal(t, http.StatusOK, res.StatusCode, body)
	}
}

// The socketio directive retries only what was not sent, so the retry itself says
// that the upstream could not be dialed.
func TestThePollsOfADeadUpstreamAreNotTracedAndGoToAnother(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	sid := s.open(t, polling)
	dead := nodes[0]
	if nodeIn(sid) == nodes[1].name {
		dead = nodes[1]
	}
	dead.Close()
	for range 3 {
		res, body := s.get(t, polling+"&sid="+sid)
		assert.Equal(t, http.StatusBadRequest, res.StatusCode, body)
	}
	upstream := upstreamsOf(t)[dead.address()]
	assert.EqualValues(t, 3, upstream.FailedDials)
	assert.EqualValues(t, 3, upstream.Lost)
	require.NotNil(t, upstream.CoolDown)
	assert.Equal(t, "could not be dialed", upstream.CoolDown.Error)
}
