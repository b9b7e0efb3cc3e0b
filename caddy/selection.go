package caddy

import (
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// Select returns the upstream that has the request's session, or else the one
// that the client's cookie or the fallback policy selects, or nil when there is
// none or it has to be waited for.
func (a *AffinitySelection) Select(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	state := stateOf(req.Context())
	if state == nil {
		a.warnWithoutHandler(req)
		if w == nil {
			w = new(fallbackWriter)
		}
		return a.fallback.Select(pool, req, w)
	}
	if state.policy != a {
		a.resolve(pool, req, state)
	} else {
		a.endTry(state)
		if state.connect.wasSent() && !a.resends {
			return nil
		}
	}
	state.takeCookie(a.Cookie, req.Header)
	known := a.byCookie(pool, state)
	if state.hasSession && known != nil {
		state.pinned, state.evidence = state.cookieTag, core.ByCookie
	}
	state.by = state.evidence

	if state.pinned != "" {
		upstream := a.tags.find(pool, state.pinned)
		if upstream != nil && upstream.Healthy() && !state.couldNotDial(upstream) {
			if upstream.Full() {
				return nil
			}
			state.follow(upstream)
			a.logSelected(state, upstream)
			return upstream
		}
		state.by = core.ByLost
		if upstream == nil {
			a.warnOfUnknown(state)
		}
	}

	upstream := known
	if state.hasSession || known == nil || !known.Available() || a.rate(known, state) < eligible {
		upstream = a.choose(pool, req, w, state)
	} else {
		state.by = core.ByCookie
	}
	if upstream == nil {
		return nil
	}
	state.choose(upstream, a.tags.tag(pool, upstream))
	a.logSelected(state, upstream)
	return upstream
}

// resolve finds out which session a request belongs to, and takes the tag off
// its session ID. Only a tag that one of the upstreams has or had is one: what
// else looks like it is a part of the node's own session ID.
func (a *AffinitySelection) resolve(pool reverseproxy.UpstreamPool, req *http.Request, state *requestState) {
	state.policy = a
	state.connect.forget()
	state.tried, state.undialed = nil, nil
	state.pinned, state.evidence = "", ""
	if !state.isEngineIO {
		return
	}
	engineIO := state.engineIO.Reparse(req.URL.RawQuery)
	state.evidence, state.pinned = core.Resolve(engineIO, state.mode, core.UpstreamTags, state.share,
		func(tag string) bool { return a.tags.has(pool, tag) })
	if state.evidence == core.ByTag {
		state.sid = core.PrintableRaw(engineIO.Unbind(req, state.pinned))
	}
}

// byCookie returns the upstream of a pool that the client's cookie names, if
// nothing stronger counts.
func (a *AffinitySelection) byCookie(pool reverseproxy.UpstreamPool, state *requestState) *reverseproxy.Upstream {
	if state.cookieTag == "" || state.pinned != "" && state.evidence != core.ByCookie {
		return nil
	}
	return a.tags.find(pool, state.cookieTag)
}

// endTry ends the try of a request, if there was one, and has an upstream that
// could not be dialed cool down.
func (a *AffinitySelection) endTry(state *requestState) {
	upstream, err := state.endTry()
	if upstream == nil || !a.coolDowns.start(upstream.Dial) {
		return
	}
	if c := a.logger.Check(zapcore.DebugLevel, "upstream could not be dialed and gets no new session while it cools down"); c != nil {
		c.Write(zap.String("upstream", upstream.String()), zap.Duration("cool_down", a.coolDowns.period), zap.Error(err))
	}
}
