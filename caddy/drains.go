package caddy

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// drains has the dial addresses of the upstreams that the admin API drains. Only
// an operator adds one, so there is no limit. It is safe for concurrent use.
type drains struct {
	// some reports whether there are any, which is rare.
	some atomic.Bool

	mu     sync.RWMutex
	byDial map[string]struct{}
}

// newDrains returns a drains without upstreams.
func newDrains() *drains {
	return &drains{byDial: map[string]struct{}{}}
}

// add drains the upstream at a dial address.
func (d *drains) add(dial string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.byDial[dial] = struct{}{}
	d.some.Store(true)
}

// remove ends the drain of an upstream, and reports whether there was one.
func (d *drains) remove(dial string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, draining := d.byDial[dial]
	delete(d.byDial, dial)
	d.some.Store(len(d.byDial) > 0)
	return draining
}

// has reports whether the upstream at a dial address is draining.
func (d *drains) has(dial string) bool {
	if !d.some.Load() {
		return false
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	_, draining := d.byDial[dial]
	return draining
}

// all returns the dial addresses of all upstreams that are draining.
func (d *drains) all() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	dials := make([]string, 0, len(d.byDial))
	for dial := range d.byDial {
		dials = append(dials, dial)
	}
	return dials
}

// checkDrain returns an error if an upstream to drain is none of the proxy's,
// unless those are dynamic.
func (a *AffinitySelection) checkDrain() error {
	if a.proxy == nil || a.proxy.DynamicUpstreamsRaw != nil {
		return nil
	}
	for _, dial := range a.Drain {
		if !slices.ContainsFunc(a.proxy.Upstreams, func(upstream *reverseproxy.Upstream) bool { return upstream.Dial == dial }) {
			return fmt.Errorf("drain %s: no upstream of this reverse_proxy has this address", dial)
		}
	}
	return nil
}
