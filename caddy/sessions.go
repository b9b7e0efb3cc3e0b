package caddy

import (
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/core"
)

// sessionsPool has the process's learned sessions, as long as some config has
// the app. When a config is replaced, the new one is there before the old one
// goes, so that the sessions stay.
var sessionsPool = caddy.NewUsagePool()

// sessionsKey is the one key of the pool. As tags do, learned sessions hold
// whichever site of this Caddy a request comes through.
const sessionsKey = "sessions"

// sessions is the table of the process. While one config replaces another, it
// has room for as many sessions as the one of the two that asks for more.
type sessions struct {
	*core.Sessions

	mu     sync.Mutex
	limits map[*App]int
}

// joinSessions returns the table of the process, for an app that asks for so
// many sessions. The app has to leave it.
func joinSessions(app *App, most int) (*sessions, error) {
	pooled, _, err := sessionsPool.LoadOrNew(sessionsKey, func() (caddy.Destructor, error) {
		return &sessions{Sessions: core.NewSessions(most), limits: map[*App]int{}}, nil
	})
	if err != nil {
		return nil, err
	}
	s := pooled.(*sessions)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits[app] = most
	s.limit()
	return s, nil
}

// leave ends an app's use of the table.
func (s *sessions) leave(app *App) error {
	s.mu.Lock()
	delete(s.limits, app)
	s.limit()
	s.mu.Unlock()
	_, err := sessionsPool.Delete(sessionsKey)
	return err
}

// limit makes as much room as is asked for.
func (s *sessions) limit() {
	most := 0
	for _, limit := range s.limits {
		most = max(most, limit)
	}
	if most > 0 {
		s.SetLimit(most)
	}
}

// Destruct implements [caddy.Destructor]. There is nothing to give back.
func (s *sessions) Destruct() error { return nil }

// Interface guards.
var _ caddy.Destructor = (*sessions)(nil)
