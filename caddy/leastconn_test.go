package caddy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// selectMany returns how often each upstream of a pool is selected.
func selectMany(t *testing.T, policy *sessionLeastConn, pool reverseproxy.UpstreamPool, times int) map[*reverseproxy.Upstream]int {
	t.Helper()
	selected := map[*reverseproxy.Upstream]int{}
	for range times {
		upstream := policy.Select(pool, nil, nil)
		require.NotNil(t, upstream)
		selected[upstream]++
	}
	return selected
}

func TestSessionLeastConnSpreadsABurstEvenly(t *testing.T) {
	pool := newPool(1, 3)
	selected := selectMany(t, newSessionLeastConn(), pool, 300)
	for _, upstream := range pool {
		assert.Equal(t, 100, selected[upstream])
	}
}

func TestSessionLeastConnGivesANewUpstreamItsShareInABurst(t *testing.T) {
	policy := newSessionLeastConn()
	pool := newPool(1, 3)
	selectMany(t, policy, pool, 30)
	pool = append(pool, newPool(100, 1)...)
	selected := selectMany(t, policy, pool, 10)
	assert.Equal(t, 10, selected[pool[3]], "the new upstream now has as many as the others")
	selected = selectMany(t, policy, pool, 40)
	assert.Equal(t, 10, selected[pool[3]])
}

func TestSessionLeastConnForgetsSessionsThatAreNotRecent(t *testing.T) {
	policy := newSessionLeastConn()
	clock := time.Unix(1000, 0)
	policy.now = func() time.Time { return clock }
	pool := newPool(1, 2)
	selectMany(t, policy, pool[:1], 10)

	clock = clock.Add(recentPeriod)
	assert.Equal(t, 4, selectMany(t, policy, pool, 4)[pool[1]], "sessions of the previous period count")
	clock = clock.Add(2 * recentPeriod)
	assert.Equal(t, 2, selectMany(t, policy, pool, 4)[pool[1]], "older sessions do not count")
}

func TestSessionLeastConnWithAnEmptyPool(t *testing.T) {
	assert.Nil(t, newSessionLeastConn().Select(nil, nil, nil))
}

func TestSessionLeastConnForgetsFormerUpstreams(t *testing.T) {
	policy := newSessionLeastConn()
	for from := range 3 * maxFormerUpstreams {
		selectMany(t, policy, newPool(from, 1), 1)
	}
	assert.LessOrEqual(t, len(policy.recent), maxFormerUpstreams+1)
}

// The system clock may be changed.
func TestSessionLeastConnSpreadsEvenlyWhenTheClockJumps(t *testing.T) {
	policy := newSessionLeastConn()
	clock := time.Unix(1_000_000, 0)
	policy.now = func() time.Time { return clock }
	pool := newPool(1, 3)
	for _, jump := range []time.Duration{0, -time.Hour, 2 * time.Hour, -recentPeriod, recentPeriod} {
		clock = clock.Add(jump)
		selected := selectMany(t, policy, pool, 30)
		for _, upstream := range pool {
			assert.Equal(t, 10, selected[upstream], "after a jump of %s", jump)
		}
	}
}
