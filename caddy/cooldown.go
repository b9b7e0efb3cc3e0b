package caddy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// defaultCoolDown is the default of cool_down. It is short because a handshake
// has to find out that the upstream is back.
const defaultCoolDown = 5 * time.Second

// coolDowns says which upstreams a policy avoids because they could not be
// dialed. An upstream that refuses connections has no requests, so a policy that
// counts requests would prefer it; and Caddy's health checks are off by default.
type coolDowns struct {
	dials *failedDials

	// period is the policy's cool_down. With 0, no upstream cools down.
	period time.Duration
}

// start notes that an upstream could not be dialed, and why. It reports whether
// the upstream cools down now.
func (c coolDowns) start(upstream *reverseproxy.Upstream, err error) bool {
	if c.period == 0 {
		return false
	}
	c.dials.add(upstream.Dial, err)
	return true
}

// has reports whether an upstream is cooling down.
func (c coolDowns) has(upstream *reverseproxy.Upstream) bool {
	return c.period > 0 && c.dials.within(upstream.Dial, c.period)
}

// left returns the last failed dial of an upstream that is cooling down, and how
// long it still will be. It returns nil for any other upstream.
func (c coolDowns) left(upstream *reverseproxy.Upstream) (*failedDial, time.Duration) {
	if c.period == 0 {
		return nil, 0
	}
	last, age := c.dials.find(upstream.Dial)
	if last == nil || age >= c.period {
		return nil, 0
	}
	return last, c.period - age
}

// failedDials remembers when each upstream could last not be dialed. It is safe
// for concurrent use.
type failedDials struct {
	// now is the clock.
	now func() time.Time

	// some reports whether there may be any, which is rare.
	some atomic.Bool

	mu sync.Mutex
	// longest is the longest cool_down of the policies. Older dials are dropped.
	longest time.Duration
	// last has the last failed dial by dial address.
	last map[string]*failedDial
}

// failedDial is when and why an upstream could not be dialed.
type failedDial struct {
	at  time.Time
	err error
}

// newFailedDials returns a failedDials without upstreams.
func newFailedDials() *failedDials {
	return &failedDials{now: time.Now, last: map[string]*failedDial{}}
}

// coolDowns returns the cool-downs of a policy with this cool_down.
func (f *failedDials) coolDowns(period time.Duration) coolDowns {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.longest = max(f.longest, period)
	return coolDowns{dials: f, period: period}
}

// add notes that the upstream at an address could not be dialed, and why.
func (f *failedDials) add(dial string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropOld()
	f.last[dial] = &failedDial{at: f.now(), err: err}
	f.some.Store(true)
}

// within reports whether the upstream at an address could not be dialed within
// the last period.
func (f *failedDials) within(dial string, period time.Duration) bool {
	last, age := f.find(dial)
	return last != nil && age < period
}

// find returns the last failed dial of the upstream at an address, and how long
// ago it was, or nil.
func (f *failedDials) find(dial string) (*failedDial, time.Duration) {
	if !f.some.Load() {
		return nil, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.last[dial]
	if last == nil {
		return nil, 0
	}
	age := f.now().Sub(last.at)
	if age >= f.longest {
		delete(f.last, dial)
		f.some.Store(len(f.last) > 0)
	}
	return last, age
}

// dropOld forgets dials that no policy counts any more.
func (f *failedDials) dropOld() {
	for dial, last := range f.last {
		if f.now().Sub(last.at) >= f.longest {
			delete(f.last, dial)
		}
	}
	f.some.Store(len(f.last) > 0)
}
