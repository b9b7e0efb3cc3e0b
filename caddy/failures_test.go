package caddy

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

func TestFailuresAreForgotten(t *testing.T) {
	f := newFailures()
	clock := time.Unix(1000, 0)
	f.now = func() time.Time { return clock }
	pool := newPool(1, 2)
	f.note(pool[0].Dial)
	assert.True(t, f.has(pool[0]))
	assert.False(t, f.has(pool[1]))

	clock = clock.Add(resting)
	assert.False(t, f.has(pool[0]))
	assert.False(t, f.some.Load())
	assert.Empty(t, f.last)
}

func TestNewSessionsAvoidWhatFailedForOthers(t *testing.T) {
	for _, fallback := range []string{"first", "least_conn", "round_robin"} {
		policy := newPolicy(t, "fallback "+fallback)
		pool := newPool(1, 4)
		policy.failures.note(pool[0].Dial)
		policy.failures.note(pool[1].Dial)
		for range 20 {
			req, _ := newRequest(t, "")
			assert.Contains(t, pool[2:], policy.Select(pool, req, nil), fallback)
		}
		policy.failures.note(pool[2].Dial)
		policy.failures.note(pool[3].Dial)
		req, _ := newRequest(t, "")
		assert.NotNil(t, policy.Select(pool, req, nil), "where all have failed, any will do")
	}
}

func TestAPinnedRequestThatIsTriedAgainSaysThatItsNodeFailed(t *testing.T) {
	policy := newPolicy(t, "")
	pool := newPool(1, 2)
	req, _ := newRequest(t, tagOf(pool[0]))
	policy.Select(pool, req, nil)
	assert.False(t, policy.failures.has(pool[0]))
	policy.Select(pool, req, nil)
	assert.True(t, policy.failures.has(pool[0]))
}

func TestWhoIsTriedOnceSaysThatItsNodeFailed(t *testing.T) {
	for _, query := range []string{polling, "EIO=4&transport=websocket", "page=1"} {
		t.Run(query, func(t *testing.T) {
			nodes, addresses := startNodes(t, 2)
			s := serve(t, "socketio"+addresses+" {\nlb_retries 0\n}")
			nodes[0].Close()
			failed, start := 0, time.Now()
			for range 20 {
				if res, _ := s.get(t, query); res.StatusCode != http.StatusOK {
					failed++
				}
			}
			assert.LessOrEqual(t, failed, 1+int(time.Since(start)/resting), "once, and again when the node has rested")
		})
	}
}

func TestARequestWithABodySaysNothingOfItsNode(t *testing.T) {
	policy := newPolicy(t, "")
	pool := newPool(1, 1)
	proxy := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		policy.Select(pool, r, w)
		return io.ErrUnexpectedEOF // as of a body that the client breaks off
	})
	for body, fails := range map[string]bool{"": true, "broken off": false} {
		req := httptest.NewRequestWithContext(
			context.WithValue(t.Context(), caddyhttp.VarsCtxKey, map[string]any{}), http.MethodPost, "/", strings.NewReader(body))
		require.Error(t, new(Handler).ServeHTTP(httptest.NewRecorder(), req, proxy))
		assert.Equal(t, fails, policy.failures.has(pool[0]), "with the body %q", body)
		clear(policy.failures.last)
	}
}

func TestMostNodesDown(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	nodes[0].Close()
	nodes[2].Close()
	for range 20 {
		res, body := s.get(t, polling)
		assert.Equal(t, http.StatusOK, res.StatusCode, body)
	}
}
