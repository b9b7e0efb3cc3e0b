package testbed

import (
	"testing"
)

// ClientGroups are clients that are run by several programs and measured as
// one.
type ClientGroups []*RunningClients

// StartReconnectingClients starts this many clients over each of the
// transports. They send messages until they are told to finish, and reconnect
// when they lose their session.
func StartReconnectingClients(t *testing.T, f Endpoint, each int, transports ...[]string) ClientGroups {
	t.Helper()
	groups := make(ClientGroups, len(transports))
	for i, transport := range transports {
		groups[i] = Clients{
			URL: f.URL, Count: each, Transports: transport, Messages: 2, MaxBytes: 2000,
			Mode: Continuous, Pause: 3000, Reconnect: true,
		}.Start(t)
	}
	for _, r := range groups {
		r.RequireReady(t)
	}
	return groups
}

// Count returns the number of clients.
func (rs ClientGroups) Count() int {
	sum := 0
	for _, r := range rs {
		sum += r.Clients.Count
	}
	return sum
}

// Finish has the clients finish and returns their results together.
func (rs ClientGroups) Finish(t *testing.T) Result {
	t.Helper()
	var all Result
	for _, r := range rs {
		all = all.Add(r.Finish(t))
	}
	return all
}

// FinishHeld is [ClientGroups.Finish] for clients none of which may have lost a
// session.
func (rs ClientGroups) FinishHeld(t *testing.T) Result {
	t.Helper()
	var all Result
	for _, r := range rs {
		o := r.Finish(t)
		o.AssertHeld(t)
		all = all.Add(o)
	}
	return all
}
