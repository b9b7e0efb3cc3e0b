package traefik

import (
	"sync"

	"github.com/eio-affinity/affinity/core"
)

// tables has the learned sessions of each middleware, by its name. Traefik makes
// all middlewares anew when its dynamic configuration changes, but it keeps the
// interpreter, and so this.
var (
	tablesMu sync.Mutex
	tables   = map[string]*core.Share{}
)

// tableOf returns the table of a middleware, with room for so many sessions.
// Nobody says when a middleware is gone, so the tables of all are tidied.
func tableOf(name string, most int) *core.Share {
	tablesMu.Lock()
	defer tablesMu.Unlock()
	for _, table := range tables {
		table.Table().Tidy()
	}
	table := tables[name]
	if table == nil {
		table = core.NewSessions(most).NewShare()
		tables[name] = table
	}
	table.Table().Limit(most)
	return table
}

// isLearned reports whether any middleware has learned a session.
func isLearned(sid string) bool {
	tablesMu.Lock()
	defer tablesMu.Unlock()
	for _, table := range tables {
		if table.Find(sid, nil) != "" {
			return true
		}
	}
	return false
}
