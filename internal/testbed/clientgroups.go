package testbed

import (
	"testing"
)

// ClientGroups are crowds that are measured as one.
type ClientGroups []*RunningClients

// StartReconnectingClients starts a crowd of one size over each of the transports. They
// talk, and connect anew when they lose their sessions.
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

func (rs ClientGroups) Count() int {
	sum := 0
	for _, r := range rs {
		sum += r.Clients.Count
	}
	return sum
}

// Finish tells the crowds to come to their end, and returns what they have
// measured together.
func (rs ClientGroups) Finish(t *testing.T) Result {
	t.Helper()
	var all Result
	for _, r := range rs {
		all = all.Add(r.Finish(t))
	}
	return all
}

// FinishHeld is finish for crowds of which nobody may have lost a session.
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
