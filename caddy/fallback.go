package caddy

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// maxFallbackSelections is how often the fallback policy selects for one try of a
// request at most.
const maxFallbackSelections = 64

// unmarshalFallback parses the fallback option.
func (a *AffinitySelection) unmarshalFallback(d *caddyfile.Dispenser) error {
	if a.FallbackRaw != nil {
		return d.Err("fallback already specified")
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	if name == policyName {
		return d.WrapErr(errOwnFallback)
	}
	mod, err := caddyfile.UnmarshalModule(d, policyNamespace+name)
	if err != nil {
		return fmt.Errorf("fallback: %w", err)
	}
	policy, ok := mod.(reverseproxy.Selector)
	if !ok {
		return d.Errf("fallback '%s' is not a selection policy but a %T", name, mod)
	}
	a.FallbackRaw = caddyconfig.JSONModuleObject(policy, "policy", name, nil)
	return nil
}

// eligibility rates an upstream for a request that any upstream may get.
type eligibility int

// The eligibilities, in ascending order.
const (
	// draining: the upstream never gets a request without a session.
	draining eligibility = iota
	// triedBefore: an earlier try of the request went to the upstream.
	triedBefore
	// coolingDown: the upstream could not be dialed a moment ago.
	coolingDown
	// eligible: there is no reason to avoid the upstream.
	eligible
)

// rate returns the eligibility of an upstream for a request.
func (a *AffinitySelection) rate(upstream *reverseproxy.Upstream, state *requestState) eligibility {
	switch {
	case a.isDraining(upstream):
		return draining
	case state.hasTried(upstream):
		return triedBefore
	case a.coolDowns.has(upstream):
		return coolingDown
	default:
		return eligible
	}
}

// isDraining reports whether an upstream gets no new sessions.
func (a *AffinitySelection) isDraining(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(a.Drain, upstream.Dial) || a.drains.has(upstream.Dial)
}

// selectFallback returns an upstream for a request that any upstream may get: the
// most eligible one that the fallback policy selects. If that policy selects only
// upstreams that are draining, it is the one with the fewest sessions of all
// others. If all are draining, it returns nil.
func (a *AffinitySelection) selectFallback(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter, state *requestState) *reverseproxy.Upstream {
	if leastConn, ok := a.fallback.(*sessionLeastConn); ok {
		return leastConn.selectBest(pool, func(upstream *reverseproxy.Upstream) eligibility { return a.rate(upstream, state) })
	}

	best := a.nextCandidate(pool, req, state)
	if best.upstream != nil && best.rating < eligible {
		best = a.betterCandidate(pool, req, state, best)
	}
	if best.upstream != nil && best.rating == draining {
		return a.leastConn.selectBest(pool, func(upstream *reverseproxy.Upstream) eligibility { return a.rate(upstream, state) })
	}
	best.headers.writeTo(w, state)
	return best.upstream
}

// candidate is an upstream that the fallback policy has selected, or nil, its
// eligibility, and the headers that the policy has set.
type candidate struct {
	upstream *reverseproxy.Upstream
	rating   eligibility
	headers  *fallbackWriter
}

// nextCandidate has the fallback policy select from a pool.
func (a *AffinitySelection) nextCandidate(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState) candidate {
	c := candidate{headers: new(fallbackWriter)}
	if c.upstream = a.fallback.Select(pool, req, c.headers); c.upstream != nil {
		c.rating = a.rate(c.upstream, state)
	}
	return c
}

// betterCandidate has the fallback policy select a more eligible upstream than
// first. It returns the best that there is, which may be first itself.
func (a *AffinitySelection) betterCandidate(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState, first candidate) candidate {
	if ignoresPositions(a.fallback) {
		return a.bestOfFiltered(pool, req, state, first)
	}
	best := first
	for range maxFallbackSelections {
		other := a.nextCandidate(pool, req, state)
		if other.upstream != nil && other.rating > best.rating {
			best = other
		}
		if best.rating == eligible {
			break
		}
	}
	return best
}

// bestOfFiltered is betterCandidate for a policy that may select from a filtered
// pool.
func (a *AffinitySelection) bestOfFiltered(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState, first candidate) candidate {
	for least := eligible; least > first.rating; least-- {
		filtered := slices.DeleteFunc(slices.Clone(pool), func(upstream *reverseproxy.Upstream) bool {
			return a.rate(upstream, state) < least
		})
		if c := a.nextCandidate(filtered, req, state); c.upstream != nil {
			return c
		}
	}
	return first
}

// ignoresPositions reports whether a policy may select from a filtered pool: it
// is one of Caddy's whose selection does not depend on the positions of the
// upstreams in the pool. Weights, for example, are by position. What the policy
// of another module depends on is not known.
func ignoresPositions(policy reverseproxy.Selector) bool {
	switch policy.(type) {
	case *reverseproxy.FirstSelection, reverseproxy.FirstSelection,
		*reverseproxy.LeastConnSelection, reverseproxy.LeastConnSelection,
		*reverseproxy.RandomSelection, reverseproxy.RandomSelection,
		*reverseproxy.RandomChoiceSelection, reverseproxy.RandomChoiceSelection,
		*reverseproxy.RoundRobinSelection,
		*reverseproxy.IPHashSelection, reverseproxy.IPHashSelection,
		*reverseproxy.ClientIPHashSelection, reverseproxy.ClientIPHashSelection,
		*reverseproxy.URIHashSelection, reverseproxy.URIHashSelection:
		return true
	default:
		return false
	}
}
