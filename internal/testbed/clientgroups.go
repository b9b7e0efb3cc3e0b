package testbed

import (
	"testing"
)

// ClientGroups are clients that are run by several programs and measured as
// one.
type ClientGroups []*RunningClients

// StartReconnectingClients starts this many clients over each of the
// transports. They send messages until they are to finish, and reconnect
// when they lose their session.
func StartReconnectingClients(t *testing.T, f Endpoint, each int, transports ...[]string) ClientGroups {
	t.Helper()
	return StartClients(t, Clients{
		URL: f.URL, Count: each * len(transports), TransportsInTurn: transports, Messages: 2, MaxBytes: 2000,
		Mode: Continuous, Pause: 3000, Reconnect: true,
	})
}

// StartClients starts clients with a mode, each of these in a program of its own,
// and returns once all of them are connected.
func StartClients(t *testing.T, all ...Clients) ClientGroups {
	t.Helper()
	groups := make(ClientGroups, len(all))
	for i, c := range all {
		groups[i] = c.Start(t)
	}
	groups.RequireReady(t)
	return groups
}

// RequireReady waits until all clients are connected, in either mode.
func (rs ClientGroups) RequireReady(t *testing.T) {
	t.Helper()
	for _, r := range rs {
		r.RequireReady(t)
	}
}

// Count returns the number of clients.
func (rs ClientGroups) Count() int {
	sum := 0
	for _, r := range rs {
		sum += r.Clients.Count
	}
	return sum
}

// Do sends a command to all clients, waits until they have done it, and returns
// their results so far together.
func (rs ClientGroups) Do(t *testing.T, command string) Result {
	t.Helper()
	return rs.sum(func(r *RunningClients) Result { return r.Do(t, command) })
}

// Finish has the clients finish and returns their results together.
func (rs ClientGroups) Finish(t *testing.T) Result {
	t.Helper()
	return rs.sum(func(r *RunningClients) Result { return r.Finish(t) })
}

// FinishHeld is [ClientGroups.Finish] for clients none of which may have lost a
// session.
func (rs ClientGroups) FinishHeld(t *testing.T) Result {
	t.Helper()
	return rs.sum(func(r *RunningClients) Result { return held(t, r.Finish(t)) })
}

// WaitHeld waits for the result of clients without a mode, checks that none of them
// lost its session, and returns their results together.
func (rs ClientGroups) WaitHeld(t *testing.T) Result {
	t.Helper()
	return rs.sum(func(r *RunningClients) Result { return held(t, r.Wait(t)) })
}

// sum returns the results of all groups together.
func (rs ClientGroups) sum(result func(*RunningClients) Result) Result {
	var all Result
	for _, r := range rs {
		all = all.Add(result(r))
	}
	return all
}

// held checks that no client lost its session.
func held(t *testing.T, o Result) Result {
	t.Helper()
	o.AssertHeld(t)
	return o
}
