package caddy

import (
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// logSelected says how a request was routed, if there was something to see to.
func (a *AffinitySelection) logSelected(state *requestState, upstream *reverseproxy.Upstream) {
	if !state.isEngineIO && state.by == "" {
		return
	}
	if c := a.logger.Check(zapcore.DebugLevel, "selected upstream for session"); c != nil {
		c.Write(
			zap.String("reason", string(state.by)),
			zap.String("sid", state.sid),
			zap.String("tag", state.tag()),
			zap.String("upstream", upstream.String()),
		)
	}
}

// warnWithoutHandler warns, once, when an Engine.IO request has not passed the
// affinity handler.
func (a *AffinitySelection) warnWithoutHandler(req *http.Request) {
	if a.warnedOfHandler.Load() {
		return
	}
	if _, isEngineIO := core.ParseRequest(req.URL.RawQuery); isEngineIO && a.warnedOfHandler.CompareAndSwap(false, true) {
		a.logger.Warn("a Socket.IO request reached lb_policy affinity without passing the affinity handler, so its session is not kept; " +
			"use the socketio directive, or put the affinity directive in front of this reverse_proxy")
	}
}

// warnOfUnknown warns of sessions of upstreams that are not there, at the first
// such request, the tenth, the hundredth and so on.
func (a *AffinitySelection) warnOfUnknown(state *requestState) {
	if times := a.unknown.Add(1); core.IsPowerOfTen(times) {
		a.logger.Warn("a Socket.IO session came with a tag that none of the upstreams has, so its client has to connect anew; "+
			"either an upstream was removed or is written in another way now, or another proxy in front of the same upstreams has another secret",
			zap.String("tag", state.pinned), zap.Uint64("requests", times))
	}
}
