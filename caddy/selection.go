package caddy

import (
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// Select returns the upstream of the request's session if it is healthy. It
// returns nil if that upstream is at its request limit, so that reverse_proxy
// waits for it. Any other request gets an upstream from its cookie or else from
// the fallback policy, unless it is rejected.
func (a *AffinitySelection) Select(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	a.notePool(pool)
	state := stateOf(req.Context())
	if state == nil {
		a.warnMissingHandler(req)
		if w == nil {
			w = new(fallbackWriter)
		}
		return a.fallback.Select(pool, req, w)
	}
	if state.policy != a {
		a.resolve(pool, req, state)
	} else {
		a.endTry(state, errDial)
		if state.connects.wasSent() && !a.resends {
			return nil
		}
	}
	state.tries++
	state.readCookie(a.Cookie, req.Header)
	if state.hasSession && state.pinned == "" && state.cookieTag != "" && a.tags.hasSeen(pool, state.cookieTag) {
		state.pinned, state.resolved = state.cookieTag, core.ReasonCookie
	}
	state.reason = state.resolved

	if state.pinned != "" {
		upstream, tagged := a.tags.find(pool, state.pinned)
		if tagged != nil {
			state.pinnedStats = tagged.stats
		}
		switch {
		case upstream == nil:
			if state.reason != core.ReasonUnknownTag {
				state.reason = core.ReasonUpstreamGone
				state.pinnedStats = &a.tags.shared.upstreams.removed
			}
		case !upstream.Healthy() || state.couldNotDial(upstream):
			state.reason = core.ReasonUpstreamUnhealthy
		case upstream.Full():
			state.waited = true
			return nil
		default:
			if !a.retriesOnlyDials || state.tries > 1 {
				state.trace(req)
			}
			state.setPinned(upstream, tagged)
			a.logSelected(state, upstream)
			return upstream
		}
		if a.rejects(state) {
			return a.reject(state)
		}
	}

	upstream := a.byCookie(pool, state)
	if upstream != nil {
		state.reason = core.ReasonCookie
	} else if upstream = a.selectFallback(pool, req, w, state); upstream == nil {
		return nil
	}
	if !a.watchHandshake(pool, req, upstream, state) {
		state.trace(req)
	}
	state.setChosen(upstream, a.tags.of(pool, upstream))
	a.logSelected(state, upstream)
	return upstream
}

// resolve finds out to which session a request belongs, and takes the tag off its
// session ID. Only a tag that an upstream has or had is taken off: anything else
// that has the form of a tag is part of the upstream's own session ID.
func (a *AffinitySelection) resolve(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState) {
	state.policy = a
	state.connects.reset()
	state.traced = false // the request of another reverse_proxy is another clone
	state.tried, state.undialed = nil, nil
	state.startTries()
	state.pinned, state.resolved, state.pinnedStats = "", "", nil
	state.rejected = false
	if !state.isEngineIO {
		return
	}
	engineIO := state.engineIO.Reparse(req.URL.RawQuery)
	known := func(tag string) bool { return a.knowsTag(pool, tag, state.mode.Learns(engineIO.Version)) }
	state.resolved, state.pinned = core.Resolve(engineIO, state.mode, core.UpstreamTags, state.share, known)
	if state.resolved == core.ReasonTag {
		state.sid = core.PrintableRaw(engineIO.Unbind(req, state.pinned))
	}
}

// knowsTag reports whether a tag is that of an upstream, for a session that is tagged
// or learned.
func (a *AffinitySelection) knowsTag(pool reverseproxy.UpstreamPool, tag string, learned bool) bool {
	if learned {
		// Upstreams of two sites may use the same session IDs: each site finds the
		// sessions of its own upstreams.
		return a.tags.has(pool, tag)
	}
	return a.tags.hasSeen(pool, tag)
}

// byCookie returns the upstream that the cookie of a request without a session
// names, if it is available and there is no reason to avoid it.
func (a *AffinitySelection) byCookie(pool reverseproxy.UpstreamPool, state *requestState) *reverseproxy.Upstream {
	if state.hasSession || state.cookieTag == "" {
		return nil
	}
	upstream, _ := a.tags.find(pool, state.cookieTag)
	if upstream == nil || !upstream.Available() || a.rate(upstream, state) < eligible {
		return nil
	}
	return upstream
}

// endTry ends the try of a request, if there was one. If it was not traced, failed is
// the failed dial that it has ended with, or nil. An upstream that could not be
// dialed, or did not answer a handshake, cools down.
func (a *AffinitySelection) endTry(state *requestState, failed error) {
	if upstream := state.selected; upstream != nil {
		a.endWatch(state, upstream)
	}
	if upstream, err := state.endTry(failed); upstream != nil && a.coolDowns.start(upstream, err) {
		a.logFailedDial(upstream, err)
	}
}
