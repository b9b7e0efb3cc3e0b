package caddy

import (
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/core"
)

// sessionsPool has the process's learned sessions, as long as some handler
// learns. When a config is reloaded, the handlers of the new one are there
// before those of the old one go, so that the sessions stay.
var sessionsPool = caddy.NewUsagePool()

// sessionsKey is the one key of the pool. As tags do, learned sessions hold
// whichever site of this Caddy a request comes through.
const sessionsKey = "sessions"

// sessions is the table of all handlers. There is room in it for as many
// sessions as the handler asks for that asks for the most.
type sessions struct {
	*core.Sessions

	mu     sync.Mutex
	limits map[*Handler]int
}

// joinSessions returns the table of all handlers, for a handler that asks for
// so many sessions. The handler has to leave it.
func joinSessions(h *Handler, most int) (*sessions, error) {
	pooled, _, err := sessionsPool.LoadOrNew(sessionsKey, func() (caddy.Destructor, error) {
		return &sessions{Sessions: core.NewSessions(most), limits: map[*Handler]int{}}, nil
	})
	if err != nil {
		return nil, err
	}
	s := pooled.(*sessions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[h] = most
	s.limit()
	return s, nil
}

// leave ends a handler's use of the table.
func (s *sessions) leave(h *Handler) error {
	s.mu.Lock()
	delete(s.limits, h)
	s.limit()
	s.mu.Unlock()
	_, err := sessionsPool.Delete(sessionsKey)
	return err
}

// table returns the table itself. Without one, no handler asks for it.
func (s *sessions) table() *core.Sessions {
	if s == nil {
		return nil
	}
	return s.Sessions
}

// limit makes as much room as is asked for.
func (s *sessions) limit() {
	most := 0
	for _, limit := range s.limits {
		most = max(most, limit)
	}
	if most > 0 {
		s.Limit(most)
	}
}

// Destruct implements [caddy.Destructor]. There is nothing to give back.
func (s *sessions) Destruct() error { return nil }

// Interface guards.
var _ caddy.Destructor = (*sessions)(nil)
