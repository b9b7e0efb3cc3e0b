package caddy

import (
	"sync"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/core"
)

// sharedPool holds the one sharedState of the process while any config has the
// app. Caddy starts a new config before it stops the old one, so the state
// survives a reload.
var sharedPool = caddy.NewUsagePool()

// sharedKey is the only key of sharedPool.
const sharedKey = "affinity"

// sharedState is everything that this module remembers between requests. All
// sites of the process share it, as they share the upstreams' hosts in Caddy.
type sharedState struct {
	// sessions has the learned sessions. Each handler fills a share of its own.
	sessions *core.Sessions

	// dials has the upstreams that could not be dialed a moment ago.
	dials *failedDials

	// handshakes has the upstreams that have handshakes to answer.
	handshakes *waitingHandshakes

	// leastConn has the recent sessions of each upstream.
	leastConn *sessionLeastConn

	// tags has the tags of current and former upstreams.
	tags *seenTags

	// upstreams has the counts of each upstream, and requests those of requests.
	upstreams *upstreamTable
	requests  requestCounts

	// handovers has the counts of handovers.
	handovers handoverCounts

	// drains has the upstreams that the admin API drains.
	drains *drains

	// policies has the policies of the configs that run.
	policies *livePolicies

	mu sync.Mutex
	// maxSessions has the max_sessions of each config that is loaded.
	maxSessions map[*App]int
}

// acquireShared returns the shared state, with room for as many sessions as the
// app asks for. The app has to release it.
func acquireShared(app *App, maxSessions int) (*sharedState, error) {
	pooled, _, err := sharedPool.LoadOrNew(sharedKey, func() (caddy.Destructor, error) {
		return &sharedState{
			sessions:    core.NewSessions(maxSessions),
			dials:       newFailedDials(),
			handshakes:  newWaitingHandshakes(),
			leastConn:   newSessionLeastConn(),
			tags:        newSeenTags(),
			upstreams:   newUpstreamTable(),
			drains:      newDrains(),
			policies:    newLivePolicies(),
			maxSessions: map[*App]int{},
		}, nil
	})
	if err != nil {
		return nil, err
	}
	s := pooled.(*sharedState)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.maxSessions[app] = maxSessions
	s.limitSessions()
	return s, nil
}

// release ends an app's use of the state.
func (s *sharedState) release(app *App) error {
	s.mu.Lock()
	delete(s.maxSessions, app)
	s.limitSessions()
	s.mu.Unlock()
	_, err := sharedPool.Delete(sharedKey)
	return err
}

// limitSessions applies the largest max_sessions of the loaded configs, of which
// there are two during a reload.
func (s *sharedState) limitSessions() {
	largest := 0
	for _, maxSessions := range s.maxSessions {
		largest = max(largest, maxSessions)
	}
	if largest > 0 {
		s.sessions.SetLimit(largest)
	}
}

// limitUpstreams drops counts of former upstreams if there are too many, and
// returns the generation of the counts.
func (s *sharedState) limitUpstreams() uint64 {
	if s.upstreams.full() {
		current := map[string]bool{}
		for _, policy := range s.policies.all() {
			for _, upstream := range policy.pool() {
				current[upstream.Dial] = true
			}
		}
		s.upstreams.dropFormer(current)
	}
	return s.upstreams.generation.Load()
}

// Destruct implements [caddy.Destructor]. There is nothing to free.
func (s *sharedState) Destruct() error { return nil }

// Interface guards.
var _ caddy.Destructor = (*sharedState)(nil)
