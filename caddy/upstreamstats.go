package caddy

import (
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/eio-affinity/affinity/core"
)

// maxUpstreamStats is how many upstreams have counts, beyond those that policies
// have now. Dynamic upstreams come and go and come back.
const maxUpstreamStats = 1024

// upstreamStats has the counts of the upstream at one dial address, of all sites.
// Like Caddy's count of requests, they do not depend on the config.
type upstreamStats struct {
	// openPolls is the number of polls that wait for packets (GET), and
	// openWebSockets that of the WebSockets that are open or being opened.
	openPolls, openWebSockets atomic.Int64

	// opened is the number of sessions opened.
	opened atomic.Uint64

	// lost is the number of polling requests of open sessions that failed: the
	// upstream was unhealthy, broke off, or did not know the session. A lost
	// session normally has one, as the client then opens another session.
	lost atomic.Uint64

	// undialed is the number of connections that could not be made.
	undialed atomic.Uint64

	// unanswered is the number of handshakes that were not answered within the
	// handshake_timeout.
	unanswered atomic.Uint64
}

// openKind is which count of an upstream a request adds to while it is open.
type openKind uint8

const (
	openNone openKind = iota
	openPoll
	openWebSocket
)

// openKindOf returns the openKind of an Engine.IO request.
func openKindOf(kind core.Kind, req *http.Request) openKind {
	switch {
	case kind == core.KindPoll && req.Method == http.MethodGet:
		return openPoll
	case kind == core.KindUpgrade || kind == core.KindHandshake && core.OpensWebSocket(req):
		return openWebSocket
	default:
		return openNone
	}
}

// addOpen adds n to the number of open requests of a kind.
func (s *upstreamStats) addOpen(kind openKind, n int64) {
	switch kind {
	case openPoll:
		s.openPolls.Add(n)
	case openWebSocket:
		s.openWebSockets.Add(n)
	case openNone:
	}
}

// open returns the number of polls and WebSockets that are open.
func (s *upstreamStats) open() int64 {
	return s.openPolls.Load() + s.openWebSockets.Load()
}

// upstreamTable has the counts of each upstream. It is safe for concurrent use.
type upstreamTable struct {
	// generation changes when counts are dropped. Whoever keeps a pointer to
	// counts has to get them again.
	generation atomic.Uint64

	// removed has what is counted for upstreams after they were removed: their lost
	// sessions. A policy of a new config does not know which upstream a tag was of.
	removed upstreamStats

	mu     sync.Mutex
	byDial map[string]*upstreamStats
	// current is how many upstreams the policies had when counts were last dropped.
	current int
}

// newUpstreamTable returns a table without upstreams.
func newUpstreamTable() *upstreamTable {
	return &upstreamTable{byDial: map[string]*upstreamStats{}}
}

// of returns the counts of the upstream at a dial address, which begin at zero.
func (t *upstreamTable) of(dial string) *upstreamStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	stats := t.byDial[dial]
	if stats == nil {
		stats = new(upstreamStats)
		t.byDial[dial] = stats
	}
	return stats
}

// find is of, but returns nil if the upstream has no counts.
func (t *upstreamTable) find(dial string) *upstreamStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byDial[dial]
}

// full reports whether there are so many upstreams that some should be dropped.
func (t *upstreamTable) full() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byDial) > t.current+maxUpstreamStats
}

// dropFormer drops the counts of upstreams that have nothing open and are not
// among the current ones.
func (t *upstreamTable) dropFormer(current map[string]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for dial, stats := range t.byDial {
		if !current[dial] && stats.open() == 0 {
			delete(t.byDial, dial)
		}
	}
	t.current = len(t.byDial)
	t.generation.Add(1)
}

// all returns the dial addresses of all upstreams that have counts.
func (t *upstreamTable) all() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	dials := make([]string, 0, len(t.byDial))
	for dial := range t.byDial {
		dials = append(dials, dial)
	}
	return dials
}
