package caddy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// defaultCoolDown is how long an upstream that could not be dialed gets no new
// session while there is another. It is short, as one handshake has to find out
// that the upstream is back.
const defaultCoolDown = 5 * time.Second

// coolDowns remembers which upstreams could not be dialed a moment ago. To a
// policy that counts requests, one that refuses connections looks best of all,
// as it has none; and Caddy's health checks are off by default. It is safe for
// concurrent use.
type coolDowns struct {
	// period is how long an upstream cools down. With 0, none does.
	period time.Duration

	// now is the clock.
	now func() time.Time

	// some says that there may be any at all, which is rare.
	some atomic.Bool

	mu sync.Mutex
	// since has the time of each upstream's last failed dial, by its address.
	since map[string]time.Time
}

// newCoolDowns returns a coolDowns without upstreams.
func newCoolDowns(period time.Duration) *coolDowns {
	return &coolDowns{period: period, now: time.Now, since: map[string]time.Time{}}
}

// start has the upstream at an address cool down from now. It reports whether
// it does.
func (c *coolDowns) start(dial string) bool {
	if c.period == 0 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	c.since[dial] = c.now()
	c.some.Store(true)
	return true
}

// has reports whether an upstream is cooling down.
func (c *coolDowns) has(upstream *reverseproxy.Upstream) bool {
	if !c.some.Load() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
	_, cooling := c.since[upstream.Dial]
	return cooling
}

// forget drops those that have cooled down.
func (c *coolDowns) forget() {
	for dial, since := range c.since {
		if c.now().Sub(since) >= c.period {
			delete(c.since, dial)
		}
	}
	c.some.Store(len(c.since) > 0)
}
