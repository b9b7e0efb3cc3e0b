package caddy

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// selectMany returns how often each upstream of a pool is selected.
func selectMany(t *testing.T, policy *leastBusy, pool reverseproxy.UpstreamPool, times int) map[*reverseproxy.Upstream]int {
	t.Helper()
	selected := map[*reverseproxy.Upstream]int{}
	for range times {
		upstream := policy.Select(pool, nil, nil)
		require.NotNil(t, upstream)
		selected[upstream]++
	}
	return selected
}

func TestLeastBusySpreadsABurstEvenly(t *testing.T) {
	pool := newPool(1, 3)
	selected := selectMany(t, newLeastBusy(), pool, 300)
	for _, upstream := range pool {
		assert.Equal(t, 100, selected[upstream])
	}
}

func TestLeastBusyGivesANewUpstreamItsShareInABurst(t *testing.T) {
	policy := newLeastBusy()
	pool := newPool(1, 3)
	selectMany(t, policy, pool, 30)
	pool = append(pool, newPool(100, 1)...)
	selected := selectMany(t, policy, pool, 10)
	assert.Equal(t, 10, selected[pool[3]], "it has as many as the others now")
	selected = selectMany(t, policy, pool, 40)
	assert.Equal(t, 10, selected[pool[3]])
}

func TestLeastBusyForgetsWhatHasSettled(t *testing.T) {
	policy := newLeastBusy()
	clock := time.Unix(1000, 0)
	policy.now = func() time.Time { return clock }
	pool := newPool(1, 2)
	selectMany(t, policy, pool[:1], 10)

	clock = clock.Add(settling)
	assert.Equal(t, 4, selectMany(t, policy, pool, 4)[pool[1]], "after one period, they still count")
	clock = clock.Add(2 * settling)
	assert.Equal(t, 2, selectMany(t, policy, pool, 4)[pool[1]], "after two, the nodes' requests speak for themselves")
}

func TestLeastBusyOfNone(t *testing.T) {
	assert.Nil(t, newLeastBusy().Select(nil, nil, nil))
}

func TestLeastBusyForgetsUpstreamsThatAreGone(t *testing.T) {
	policy := newLeastBusy()
	for from := range 3 * spareUpstreams {
		selectMany(t, policy, newPool(from, 1), 1)
	}
	assert.LessOrEqual(t, len(policy.recent), spareUpstreams+1)
}
