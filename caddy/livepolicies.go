package caddy

import (
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// livePolicies has the policies of the configs that run, of which there are two
// during a reload. It is safe for concurrent use.
type livePolicies struct {
	mu       sync.Mutex
	policies map[*AffinitySelection]struct{}
}

// newLivePolicies returns a livePolicies without policies.
func newLivePolicies() *livePolicies {
	return &livePolicies{policies: map[*AffinitySelection]struct{}{}}
}

// add adds the policies of a config that starts.
func (l *livePolicies) add(policies []*AffinitySelection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, policy := range policies {
		l.policies[policy] = struct{}{}
	}
}

// remove removes the policies of a config that stops.
func (l *livePolicies) remove(policies []*AffinitySelection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, policy := range policies {
		delete(l.policies, policy)
	}
}

// all returns the policies.
func (l *livePolicies) all() []*AffinitySelection {
	l.mu.Lock()
	defer l.mu.Unlock()
	policies := make([]*AffinitySelection, 0, len(l.policies))
	for policy := range l.policies {
		policies = append(policies, policy)
	}
	return policies
}

// notePool remembers the pool of the policy's last request.
func (a *AffinitySelection) notePool(pool reverseproxy.UpstreamPool) {
	noted := a.noted.Load()
	if noted == nil || len(*noted) != len(pool) || len(pool) > 0 && (*noted)[0] != pool[0] {
		latest := pool
		a.noted.Store(&latest)
	}
}

// pool returns the upstreams of the policy: those of its last request if they are
// dynamic, and otherwise those of its config.
func (a *AffinitySelection) pool() reverseproxy.UpstreamPool {
	if noted := a.noted.Load(); noted != nil {
		return *noted
	}
	if a.proxy != nil {
		return a.proxy.Upstreams
	}
	return nil
}
