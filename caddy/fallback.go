package caddy

import (
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// maxAsks is how often a fallback policy is asked for another upstream at most.
const maxAsks = 64

// eligibility is how fit an upstream is for a request that could go anywhere.
type eligibility int

// The eligibilities, the best last.
const (
	// triedBefore: it could not serve this request.
	triedBefore eligibility = iota
	// coolingDown: it could not be dialed a moment ago.
	coolingDown
	// eligible: nothing speaks against it.
	eligible
)

// rate says how eligible an upstream is for a request.
func (a *AffinitySelection) rate(upstream *reverseproxy.Upstream, state *requestState) eligibility {
	switch {
	case state.hasTried(upstream):
		return triedBefore
	case a.coolDowns.has(upstream):
		return coolingDown
	default:
		return eligible
	}
}

// choose has the fallback policy select an upstream for a request that could go
// anywhere, the most eligible one that it offers.
func (a *AffinitySelection) choose(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter, state *requestState) *reverseproxy.Upstream {
	if own, ok := a.fallback.(*sessionLeastConn); ok {
		return own.selectBest(pool, func(upstream *reverseproxy.Upstream) eligibility { return a.rate(upstream, state) })
	}

	best := a.ask(pool, req, state)
	if best.upstream != nil && best.rated < eligible {
		best = a.askForBetter(pool, req, state, best)
	}
	best.headers.writeTo(w, state)
	return best.upstream
}

// askForBetter has the fallback policy select something more eligible than what
// it has offered, if it does.
func (a *AffinitySelection) askForBetter(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState, best offer) offer {
	if ignoresPositions(a.fallback) {
		return a.askAmongBetter(pool, req, state, best)
	}
	for range maxAsks {
		other := a.ask(pool, req, state)
		if other.upstream != nil && other.rated > best.rated {
			best = other
		}
		if best.rated == eligible {
			break
		}
	}
	return best
}

// offer is an upstream that a fallback policy has selected, if any, how eligible
// it is, and the headers that the policy has set for it.
type offer struct {
	upstream *reverseproxy.Upstream
	rated    eligibility
	headers  *fallbackWriter
}

// ask has the fallback policy select from a pool.
func (a *AffinitySelection) ask(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState) offer {
	o := offer{headers: new(fallbackWriter)}
	if o.upstream = a.fallback.Select(pool, req, o.headers); o.upstream != nil {
		o.rated = a.rate(o.upstream, state)
	}
	return o
}

// askAmongBetter has the fallback policy select from those upstreams only that
// are more eligible than what it has offered, the best first.
func (a *AffinitySelection) askAmongBetter(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState, offered offer) offer {
	for least := eligible; least > offered.rated; least-- {
		better := slices.DeleteFunc(slices.Clone(pool), func(upstream *reverseproxy.Upstream) bool {
			return a.rate(upstream, state) < least
		})
		if o := a.ask(better, req, state); o.upstream != nil {
			return o
		}
	}
	return offered
}

// ignoresPositions reports whether a policy of Caddy's answers by the upstreams
// themselves, whatever their positions in the pool. Weights, for example, are by
// position: in a pool without the upstreams that are not eligible, they would be
// those of others. What a policy of another module goes by is not known.
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
