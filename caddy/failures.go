package caddy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// resting is for how long an upstream that failed gets no new session while
// there is another. One handshake tries it again after that.
const resting = 5 * time.Second

// failures remembers which upstreams failed a moment ago. To a policy that
// counts requests, one that refuses connections looks best of all, as it has
// none; and Caddy's health checks are off by default. It is safe for concurrent
// use.
type failures struct {
	// now is the clock.
	now func() time.Time

	// some says that there may be failures at all, which is rare.
	some atomic.Bool

	mu sync.Mutex
	// last has the time of each upstream's last failure, by its address.
	last map[string]time.Time
}

// newFailures returns a memory of no failures.
func newFailures() *failures {
	return &failures{now: time.Now, last: map[string]time.Time{}}
}

// note remembers that the upstream at an address has failed.
func (f *failures) note(dial string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	f.last[dial] = f.now()
	f.some.Store(true)
}

// has reports whether an upstream failed a moment ago.
func (f *failures) has(upstream *reverseproxy.Upstream) bool {
	if !f.some.Load() {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.forget()
	_, failed := f.last[upstream.Dial]
	return failed
}

// forget drops what was longer ago.
func (f *failures) forget() {
	for dial, at := range f.last {
		if f.now().Sub(at) >= resting {
			delete(f.last, dial)
		}
	}
	f.some.Store(len(f.last) > 0)
}
