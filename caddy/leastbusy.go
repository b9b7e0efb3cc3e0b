package caddy

import (
	"net/http"
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// leastBusy is Caddy's least_conn, except that of several upstreams that have
// the fewest requests it selects the one whose turn was longest ago, where
// least_conn throws dice. When many clients open sessions at once, as after a
// restart, nearly every choice is one between equals, since a handshake is
// over before the first poll counts.
type leastBusy struct {
	mu sync.Mutex
	// turns has the number of the last turn of each upstream, by its address.
	turns map[string]uint64
	turn  uint64
}

// Select returns an available upstream, if any.
func (l *leastBusy) Select(pool reverseproxy.UpstreamPool, _ *http.Request, _ http.ResponseWriter) *reverseproxy.Upstream {
	l.mu.Lock()
	defer l.mu.Unlock()
	var best *reverseproxy.Upstream
	var fewest int
	for _, upstream := range pool {
		if !upstream.Available() {
			continue
		}
		requests := upstream.NumRequests()
		if best == nil || requests < fewest ||
			requests == fewest && l.turns[upstream.Dial] < l.turns[best.Dial] {
			best, fewest = upstream, requests
		}
	}
	if best == nil {
		return nil
	}
	if l.turns == nil || len(l.turns) >= len(pool)+spareUpstreams {
		l.turns = make(map[string]uint64, len(pool)) // of a dynamic pool, most are gone
	}
	l.turn++
	l.turns[best.Dial] = l.turn
	return best
}

// Interface guards.
var _ reverseproxy.Selector = (*leastBusy)(nil)
