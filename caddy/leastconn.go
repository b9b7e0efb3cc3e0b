package caddy

import (
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// recentPeriod is how long a new session adds to the load of its upstream at
// least. It does so for up to twice as long. By then the session has a poll or a
// WebSocket open, which counts as a request.
const recentPeriod = 5 * time.Second

// sessionLeastConn is the default fallback policy: Caddy's least_conn for
// sessions. The load of an upstream is its requests plus the sessions recently
// opened on it. Of upstreams with the same load, it selects the one that was
// selected least recently, where least_conn selects at random.
//
// A handshake ends before the first poll of its session begins. When many clients
// connect at once, as after a restart, least_conn sees almost no requests on any
// upstream, and an upstream whose handshakes take a little longer gets almost no
// sessions.
//
// Like Caddy's count of requests, recent sessions are counted by dial address for
// all sites. It is safe for concurrent use.
type sessionLeastConn struct {
	// now is the clock.
	now func() time.Time

	mu sync.Mutex
	// recent has the recent sessions of each upstream by dial address.
	recent map[string]recentSessions
	// selections is how many selections there were.
	selections uint64
}

// recentSessions counts the sessions that an upstream was selected for.
type recentSessions struct {
	// lastSelection is the number of the last selection of the upstream.
	lastSelection uint64
	// period numbers the periods of recentPeriod each. Sessions of the current
	// period and of the previous one count.
	period            int64
	current, previous int
}

// newSessionLeastConn returns a sessionLeastConn without recent sessions.
func newSessionLeastConn() *sessionLeastConn {
	return &sessionLeastConn{now: time.Now, recent: map[string]recentSessions{}}
}

// Select returns an available upstream, if any.
func (l *sessionLeastConn) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	return l.selectBest(pool, func(*reverseproxy.Upstream) eligibility { return eligible })
}

// selectBest returns one of the most eligible available upstreams, if any. It
// returns none that is draining.
func (l *sessionLeastConn) selectBest(pool reverseproxy.UpstreamPool, rate func(*reverseproxy.Upstream) eligibility) *reverseproxy.Upstream {
	period := l.now().UnixNano() / int64(recentPeriod)
	l.mu.Lock()
	defer l.mu.Unlock()

	var best *reverseproxy.Upstream
	var bestRating eligibility
	var bestRecent recentSessions
	var bestLoad int
	for _, upstream := range pool {
		if !upstream.Available() {
			continue
		}
		rating := rate(upstream)
		if rating == draining {
			continue
		}
		recent := l.recent[upstream.Dial].in(period)
		load := upstream.NumRequests() + recent.current + recent.previous
		if best == nil || rating > bestRating ||
			rating == bestRating && (load < bestLoad || load == bestLoad && recent.lastSelection < bestRecent.lastSelection) {
			best, bestRating, bestRecent, bestLoad = upstream, rating, recent, load
		}
	}
	if best == nil {
		return nil
	}

	if _, known := l.recent[best.Dial]; !known && len(l.recent) >= len(pool)+maxFormerUpstreams {
		l.forgetFormer(period, len(pool)+maxFormerUpstreams)
	}
	l.selections++
	bestRecent.lastSelection = l.selections
	bestRecent.current++
	l.recent[best.Dial] = bestRecent
	return best
}

// forgetFormer makes room for another upstream where there are as many as there
// may be: of dynamic upstreams, most are gone. Other sites' upstreams are kept
// while they have recent sessions, if there is room for them.
func (l *sessionLeastConn) forgetFormer(period int64, most int) {
	maps.DeleteFunc(l.recent, func(_ string, recent recentSessions) bool {
		recent = recent.in(period)
		return recent.current+recent.previous == 0
	})
	if len(l.recent) >= most {
		clear(l.recent)
	}
}

// in returns r as it is in a period: sessions of older periods do not count.
func (r recentSessions) in(period int64) recentSessions {
	switch period {
	case r.period:
	case r.period + 1:
		r.previous, r.current = r.current, 0
	default:
		r.previous, r.current = 0, 0
	}
	r.period = period
	return r
}

// Interface guards.
var _ reverseproxy.Selector = (*sessionLeastConn)(nil)
