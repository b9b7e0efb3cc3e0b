package caddy

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// recentPeriod is how long a new session counts for itself, at least; it is
// twice as long at most. By then it has a poll or a WebSocket open.
const recentPeriod = 5 * time.Second

// sessionLeastConn is Caddy's least_conn for sessions: to the requests of an
// upstream it adds the sessions that were recently opened there, and of equals
// it selects the one that was selected longest ago, where least_conn selects at
// random.
//
// A handshake is over before its session's first poll counts. When many clients
// open sessions at once, as after a restart, least_conn sees next to no requests
// anywhere, and one that happens to take a little longer keeps all the new
// sessions from its node.
type sessionLeastConn struct {
	// now is the clock.
	now func() time.Time

	mu sync.Mutex
	// recent has the recent sessions of each upstream, by its address.
	recent map[string]recentSessions
	// turn numbers the selections.
	turn uint64
}

// recentSessions is how many sessions an upstream has recently been given.
type recentSessions struct {
	// turn is the number of the last selection of the upstream.
	turn uint64
	// period counts stretches of time as long as recentPeriod. Sessions are
	// counted in the current one and the one before.
	period          int64
	current, before int
}

// newSessionLeastConn returns a sessionLeastConn that has selected nothing.
func newSessionLeastConn() *sessionLeastConn {
	return &sessionLeastConn{now: time.Now, recent: map[string]recentSessions{}}
}

// Select returns an available upstream, if any.
func (l *sessionLeastConn) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return l.selectBest(pool, func(*reverseproxy.Upstream) eligibility { return eligible })
}

// selectBest returns an available upstream of those that are the most eligible,
// if any.
func (l *sessionLeastConn) selectBest(pool reverseproxy.UpstreamPool, rate func(*reverseproxy.Upstream) eligibility) *reverseproxy.Upstream {
	period := l.now().UnixNano() / int64(recentPeriod)
	l.mu.Lock()
	defer l.mu.Unlock()

	var best *reverseproxy.Upstream
	var bestRate eligibility
	var bestRecent recentSessions
	var fewest int
	for _, upstream := range pool {
		if !upstream.Available() {
			continue
		}
		rated := rate(upstream)
		recent := l.recent[upstream.Dial].at(period)
		load := upstream.NumRequests() + recent.current + recent.before
		if best == nil || rated > bestRate ||
			rated == bestRate && (load < fewest || load == fewest && recent.turn < bestRecent.turn) {
			best, bestRate, bestRecent, fewest = upstream, rated, recent, load
		}
	}
	if best == nil {
		return nil
	}

	if len(l.recent) >= len(pool)+spareUpstreams {
		clear(l.recent) // of a dynamic pool, most are gone
	}
	l.turn++
	bestRecent.turn = l.turn
	bestRecent.current++
	l.recent[best.Dial] = bestRecent
	return best
}

// at returns r as it is in a period: sessions of older ones do not count.
func (r recentSessions) at(period int64) recentSessions {
	switch period {
	case r.period:
	case r.period + 1:
		r.before, r.current = r.current, 0
	default:
		r.before, r.current = 0, 0
	}
	r.period = period
	return r
}

// Interface guards.
var _ reverseproxy.Selector = (*sessionLeastConn)(nil)
