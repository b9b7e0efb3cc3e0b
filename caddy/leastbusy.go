package caddy

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// settling is for how long a new session counts for itself, at least; it is
// twice as long at most. By then it has a poll or a WebSocket open.
const settling = 5 * time.Second

// leastBusy is Caddy's least_conn for sessions: to the requests of an upstream
// it adds the sessions that were given to it a moment ago, and of equals it
// selects the one whose turn was longest ago, where least_conn throws dice.
//
// A handshake is over before its session's first poll counts. When many clients
// open sessions at once, as after a restart, least_conn sees next to no requests
// anywhere, and one that happens to take a little longer keeps all the new
// sessions from its node.
type leastBusy struct {
	// now is the clock.
	now func() time.Time

	mu sync.Mutex
	// recent has what was given to each upstream, by its address.
	recent map[string]given
	// turn numbers the selections.
	turn uint64
}

// given is what was given to an upstream.
type given struct {
	// turn is the number of the last selection of the upstream.
	turn uint64
	// period counts stretches of time as long as settling. Sessions are counted
	// in the current one and the one before.
	period          int64
	current, before int
}

// newLeastBusy returns a leastBusy that has selected nothing.
func newLeastBusy() *leastBusy {
	return &leastBusy{now: time.Now, recent: map[string]given{}}
}

// Select returns an available upstream, if any.
func (l *leastBusy) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	period := l.now().UnixNano() / int64(settling)
	l.mu.Lock()
	defer l.mu.Unlock()

	var best *reverseproxy.Upstream
	var bestGiven given
	var fewest int
	for _, upstream := range pool {
		if !upstream.Available() {
			continue
		}
		has := l.recent[upstream.Dial].at(period)
		load := upstream.NumRequests() + has.current + has.before
		if best == nil || load < fewest || load == fewest && has.turn < bestGiven.turn {
			best, bestGiven, fewest = upstream, has, load
		}
	}
	if best == nil {
		return nil
	}

	if len(l.recent) >= len(pool)+spareUpstreams {
		clear(l.recent) // of a dynamic pool, most are gone
	}
	l.turn++
	bestGiven.turn = l.turn
	bestGiven.current++
	l.recent[best.Dial] = bestGiven
	return best
}

// at returns g as it is in a period: sessions of older ones do not count.
func (g given) at(period int64) given {
	switch period {
	case g.period:
	case g.period + 1:
		g.before, g.current = g.current, 0
	default:
		g.before, g.current = 0, 0
	}
	g.period = period
	return g
}

// Interface guards.
var _ reverseproxy.Selector = (*leastBusy)(nil)
