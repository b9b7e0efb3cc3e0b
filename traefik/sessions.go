package traefik

import (
	"sync"

	"github.com/eio-affinity/affinity/core"
)

// tables has the learned sessions of each middleware, by the name of the
// middleware. They survive a change of the dynamic configuration: Traefik then
// creates all middlewares anew, but keeps the interpreter.
var (
	tablesMu sync.Mutex
	tables   = map[string]*core.Share{}
)

// learnedSessions returns the learned sessions of a middleware, and limits their
// number. Traefik does not report when it removes a middleware, so the call
// releases the memory of all tables whose sessions have expired.
func learnedSessions(name string, limit int) *core.Share {
	tablesMu.Lock()
	defer tablesMu.Unlock()
	for _, table := range tables {
		table.Table().Compact()
	}
	table := tables[name]
	if table == nil {
		table = core.NewSessions(limit).NewShare()
		tables[name] = table
	}
	table.Table().SetLimit(limit)
	return table
}

// isLearned reports whether any middleware has learned the session.
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
