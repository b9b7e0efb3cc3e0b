package caddy

import (
	"net/http"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// logSelected logs the upstream of an Engine.IO request, or of another request
// whose cookie names its upstream.
func (a *AffinitySelection) logSelected(state *requestState, upstream *reverseproxy.Upstream) {
	if !state.isEngineIO && state.reason == "" {
		return
	}
	if c := a.logger.Check(zapcore.DebugLevel, "selected upstream for session"); c != nil {
		c.Write(
			zap.String("reason", string(state.reason)),
			zap.String("sid", state.sid),
			zap.String("tag", state.tag()),
			zap.String("upstream", upstream.String()),
		)
	}
}

// logRejected logs a request of a lost session.
func (a *AffinitySelection) logRejected(state *requestState) {
	if c := a.logger.Check(zapcore.DebugLevel, "rejected request of lost session"); c != nil {
		c.Write(zap.String("reason", string(state.reason)), zap.String("sid", state.sid), zap.String("tag", state.pinned))
	}
}

// logFailedDial logs that an upstream could not be dialed and cools down.
func (a *AffinitySelection) logFailedDial(upstream *reverseproxy.Upstream, err error) {
	if c := a.logger.Check(zapcore.DebugLevel, "upstream could not be dialed; new sessions avoid it during its cool-down"); c != nil {
		c.Write(zap.String("upstream", upstream.String()), zap.Duration("cool_down", a.coolDowns.period), zap.Error(err))
	}
}

// logHandshakeTimeout logs that an upstream did not answer a handshake in time,
// as a warning if a cool-down starts.
func (a *AffinitySelection) logHandshakeTimeout(upstream *reverseproxy.Upstream, err error, starts bool) {
	level := zapcore.DebugLevel
	if starts {
		level = zapcore.WarnLevel
	}
	if c := a.logger.Check(level, "upstream did not answer a handshake in time, so another one gets it; new sessions avoid it during its cool-down"); c != nil {
		c.Write(zap.String("upstream", upstream.String()), zap.Duration("cool_down", a.coolDowns.period), zap.Error(err))
	}
}

// warnMissingHandler logs one warning if Engine.IO requests do not pass the
// affinity handler.
func (a *AffinitySelection) warnMissingHandler(req *http.Request) {
	if a.warnedMissingHandler.Load() {
		return
	}
	if _, isEngineIO := core.ParseRequest(req.URL.RawQuery); isEngineIO && a.warnedMissingHandler.CompareAndSwap(false, true) {
		a.logger.Warn("cannot pin Socket.IO sessions because their requests do not pass the affinity handler; " +
			"use the socketio directive, or put the affinity directive before this reverse_proxy")
	}
}
