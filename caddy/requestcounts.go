package caddy

import (
	"errors"
	"net/http"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eio-affinity/affinity/core"
)

// reasons has all reasons of requests. Their positions are those of requestCounts.
var reasons = []core.Reason{
	"", core.ReasonTag, core.ReasonLearned, core.ReasonCookie, core.ReasonNew, core.ReasonUnknownTag,
	core.ReasonUnknownSession, core.ReasonUpstreamGone, core.ReasonUpstreamUnhealthy,
}

// numReasons is the number of reasons.
const numReasons = 9

// requestCounts counts requests that have got a reply, by kind and reason. An
// upgrade is counted when the WebSocket opens.
type requestCounts struct {
	byKind [core.NumKinds][numReasons]atomic.Uint64

	// waited is the number of requests that waited for their upstream, which was at
	// its request limit.
	waited atomic.Uint64

	// rejected is the number of requests of lost sessions that no upstream got.
	rejected atomic.Uint64

	// upgrades is the number of sessions that have opened a WebSocket after polling.
	upgrades atomic.Uint64

	// unbound has the number of handshake polls whose session was not pinned, by
	// cause: a [core.Unbound], or one of the constants below.
	unbound [numUnbound]atomic.Uint64
}

// The causes of unbound handshakes that are not the reply's.
const (
	// unboundNoPolicy: no affinity policy chose the upstream.
	unboundNoPolicy = core.NumUnbound + iota

	// unboundSIDOff: the sid option leaves the session ID alone.
	unboundSIDOff

	// numUnbound is the number of causes.
	numUnbound
)

// unboundName returns the name of a cause.
func unboundName(cause int) string {
	switch cause {
	case unboundNoPolicy:
		return "no_policy"
	case unboundSIDOff:
		return "sid_off"
	default:
		return core.Unbound(cause).String()
	}
}

// addUnbound counts a handshake poll whose session was not pinned.
func (c *requestCounts) addUnbound(cause int) {
	if c != nil {
		c.unbound[cause].Add(1)
	}
}

// add counts a request.
func (c *requestCounts) add(kind core.Kind, reason core.Reason) {
	for position, other := range reasons {
		if other == reason {
			c.byKind[kind][position].Add(1)
			return
		}
	}
}

// noteReply counts a request whose reply begins with a status.
func (s *requestState) noteReply(status int) {
	switch {
	case s.open == openWebSocket && (status == http.StatusSwitchingProtocols || status == http.StatusOK):
		s.noteWebSocket()
	case s.hasSession && status == http.StatusBadRequest:
		s.noteLost(status)
	}
	s.countOnce()
}

// noteWebSocket counts a WebSocket that has opened: it opens a session, or
// upgrades one.
func (s *requestState) noteWebSocket() {
	switch {
	case s.hasSession && s.counts != nil:
		s.counts.upgrades.Add(1)
	case !s.hasSession && s.stats != nil:
		s.stats.opened.Add(1)
	}
}

// noteEnd counts a request that has ended, with an error if err is not nil.
func (s *requestState) noteEnd(err error) {
	if handled, ok := errors.AsType[caddyhttp.HandlerError](err); ok && handled.StatusCode >= http.StatusInternalServerError {
		s.noteLost(handled.StatusCode)
	}
	s.countOnce()
}

// noteLost counts a poll that failed because its upstream could not be reached, or
// does not have the session. The log says why.
func (s *requestState) noteLost(status int) {
	if s.kind == core.KindPoll && s.pinnedStats != nil {
		s.pinnedStats.lost.Add(1)
	}
	if s.policy != nil && s.hasSession && !s.counted {
		s.policy.warnLost(s, status)
	}
}

// countOnce counts a request, unless it has been counted.
func (s *requestState) countOnce() {
	if s.counted || s.counts == nil || !s.isEngineIO {
		return
	}
	s.counted = true
	s.counts.add(s.kind, s.reason)
	if s.waited {
		s.counts.waited.Add(1)
	}
	if s.rejected {
		s.counts.rejected.Add(1)
	}
}
