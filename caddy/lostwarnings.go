package caddy

import (
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/eio-affinity/affinity/core"
)

// lossCause is why a request of a session reached no upstream that has the session.
type lossCause int

const (
	lossUnknownTag lossCause = iota
	lossUpstreamGone
	lossUpstreamUnhealthy
	lossNoTag
	lossNotLearned
	lossByUpstream
	numLossCauses

	// lossNone: none of these.
	lossNone lossCause = -1
)

// lossMessages has what the log says of each cause.
var lossMessages = [numLossCauses]string{
	lossUnknownTag: "the session ID of a Socket.IO request has a tag that no upstream has, so its client has to reconnect; " +
		"check that all proxies in front of these upstreams have the same secret and the same upstream addresses",
	lossUpstreamGone: "the upstream of a Socket.IO session was removed, or its address or the secret was changed, so its client has to reconnect; " +
		"drain an upstream before you remove it, and rotate the secret",
	lossUpstreamUnhealthy: "the upstream of a Socket.IO session is unhealthy or could not be dialed, so its client has to reconnect; " +
		"look at the upstream, or at its health check if it is up",
	lossNoTag: "the session ID of a Socket.IO request has no tag, so its upstream is not known and its client has to reconnect; " +
		"check that its handshake passes the affinity handler and an affinity policy, and that the upstream does not compress the reply",
	lossNotLearned: "a Socket.IO session is not in the table of learned sessions, so its client has to reconnect; " +
		"it has expired or was evicted, or another proxy or an earlier process has learned it",
	lossByUpstream: "the upstream of a Socket.IO session replied 400, so it does not have the session any more and its client has to reconnect; " +
		"if there are many, look at whether the upstream was restarted",
}

// lossWindow is for how long requests with the same cause are counted together.
const lossWindow = time.Hour

// lostWarnings counts requests of lost sessions, so that the log has a warning at the
// first one with a cause, the tenth, the hundredth and so on, and so again if one
// occurs after an hour.
type lostWarnings struct {
	// now is the clock.
	now func() time.Time

	mu     sync.Mutex
	causes [numLossCauses]struct {
		since time.Time
		count uint64
	}
}

// newLostWarnings returns a lostWarnings without requests.
func newLostWarnings() *lostWarnings {
	return &lostWarnings{now: time.Now}
}

// count counts a request, and returns how many there were within the hour.
func (l *lostWarnings) count(cause lossCause) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	counted := &l.causes[cause]
	if now := l.now(); counted.count == 0 || now.Sub(counted.since) >= lossWindow {
		counted.since, counted.count = now, 0
	}
	counted.count++
	return counted.count
}

// warnLost logs why a request of a session failed, whose reply has a status.
func (a *AffinitySelection) warnLost(state *requestState, status int) {
	cause := lossCauseOf(state, status)
	if cause == lossNone {
		return
	}
	count := a.lostWarnings.count(cause)
	if !core.IsPowerOfTen(count) {
		return
	}
	fields := []zap.Field{zap.String("reason", string(state.reason))}
	if state.pinned != "" {
		fields = append(fields, zap.String("tag", state.pinned))
		if _, tagged := a.tags.find(a.pool(), state.pinned); tagged != nil {
			fields = append(fields, zap.String("upstream", tagged.dial))
		}
	}
	a.logger.Warn(lossMessages[cause], append(fields, zap.Uint64("requests", count))...)
}

// lossCauseOf returns why a request of a session failed, or lossNone if that has
// nothing to do with where it went.
func lossCauseOf(state *requestState, status int) lossCause {
	if state.kind != core.KindPoll && state.kind != core.KindUpgrade {
		return lossNone
	}
	switch state.reason {
	case core.ReasonUnknownTag:
		return lossUnknownTag
	case core.ReasonUpstreamGone:
		return lossUpstreamGone
	case core.ReasonUpstreamUnhealthy:
		return lossUpstreamUnhealthy
	case core.ReasonUnknownSession:
		if state.mode.Learns(state.engineIO.Version) {
			return lossNotLearned
		}
		return lossNoTag
	case core.ReasonTag, core.ReasonLearned, core.ReasonCookie:
		if status == http.StatusBadRequest {
			return lossByUpstream
		}
		return lossNone
	default:
		return lossNone
	}
}
