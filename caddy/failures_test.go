package caddy

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
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

func TestMostNodesDown(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses)
	nodes[0].Close()
	nodes[2].Close()
	failed, start := 0, time.Now()
	for range 20 {
		if res, _ := s.get(t, polling); res.StatusCode != http.StatusOK {
			failed++
		}
	}
	// The two tries of one handshake find both of them, and again when they
	// have rested.
	assert.LessOrEqual(t, failed, 1+int(time.Since(start)/resting))
}
