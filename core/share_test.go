package core

import (
	"fmt"
	"testing"
	"time"
)

// A session with a shorter lifetime than those before it is removed when it has
// expired, not only when they have.
func TestShorterSessionIsRemovedFirst(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(handshake("a", 1000), "A")
	s.Learn(handshake("b", 10), "B")
	*now += 10 * time.Second
	s.Learn(handshake("c", 1000), "C")
	if n := s.table.Len(); n != 2 {
		t.Errorf("%d sessions, want 2 after one expired", n)
	}
	// The same where sessions move to another share.
	s.Learn(handshake("d", 10), "D")
	other := s.table.NewShare()
	other.Learn(handshake("e", 1000), "E")
	other.find("d")
	*now += 10 * time.Second
	other.Learn(handshake("f", 1000), "F")
	if n := s.table.Len(); n != 4 {
		t.Errorf("%d sessions, want 4 after another expired", n)
	}
}

func TestShareLimitsTheNumberOfLifetimes(t *testing.T) {
	s, now := newTestSessions(10_000)
	for i := 1; i <= 5000; i++ {
		s.Learn(handshake(fmt.Sprint(i), i), "T")
	}
	if queues := len(s.queues); queues > 2*maxQueues {
		t.Errorf("%d queues", queues)
	}
	*now += 4999 * time.Second
	if s.find("5000") == "" {
		t.Error("a session expired too early")
	}
}

func TestFloodedShareEvictsNothingFromAnother(t *testing.T) {
	const limit = 1000
	flooded, now := newTestSessions(limit)
	other := flooded.table.NewShare()
	for i := 0; i < limit/2; i++ {
		other.Learn(handshake(fmt.Sprint("other", i), 45), "S")
	}
	*now += time.Second
	for i := 0; i < 10*limit; i++ {
		flooded.Learn(handshake(fmt.Sprint("flood", i), 45), "F")
	}
	for i := 0; i < limit/2; i++ {
		if other.find(fmt.Sprint("other", i)) != "S" {
			t.Fatalf("session %d of the other share is gone", i)
		}
	}
	if n := flooded.table.Len(); n != limit {
		t.Errorf("%d entries, want %d", n, limit)
	}
}

// After a reload, each site has a new share.
func TestSessionsMoveToTheShareThatFindsThem(t *testing.T) {
	const limit = 100
	old, now := newTestSessions(limit)
	for i := 0; i < limit; i++ {
		old.Learn(handshake(fmt.Sprint(i), 45), "T")
	}
	used := old.table.NewShare()
	for i := 0; i < limit; i++ {
		if used.find(fmt.Sprint(i)) != "T" {
			t.Fatalf("session %d is not found", i)
		}
	}
	if old.count != 0 || used.count != limit || old.table.shares.Len() != 1 {
		t.Errorf("%d and %d entries in %d shares", old.count, used.count, old.table.shares.Len())
	}
	*now += 44 * time.Second
	if used.find("7") != "T" {
		t.Error("a session that moved expired too early")
	}
}

// Nodes that number their sessions give the same IDs.
func TestPeekShareFindsSessionsWithoutUsingThem(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(handshake("a", 10), "A")
	peek := s.table.NewPeekShare()
	*now += 9 * time.Second
	if tag := peek.find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime, want A", tag)
	}
	*now += time.Second
	if tag := peek.find("a"); tag != "" {
		t.Errorf("tag %q after the lifetime, want none", tag)
	}
	if peek.count != 0 || s.table.Len() != 0 {
		t.Errorf("%d sessions in the share, %d in the table, want none", peek.count, s.table.Len())
	}
}

func TestLearningRemovesExpiredSessionsOfOtherShares(t *testing.T) {
	const limit = 100
	idle, now := newTestSessions(limit)
	busy := idle.table.NewShare()
	for i := 0; i < limit/2; i++ {
		idle.Learn(handshake(fmt.Sprint("idle", i), 10), "I")
	}
	*now += 10 * time.Second
	for i := 0; i < limit; i++ {
		if evicted, _ := busy.Learn(handshake(fmt.Sprint("busy", i), 45), "B"); evicted != 0 {
			t.Fatalf("session %d: %d evicted, while %d expired ones remain", i, evicted, idle.count)
		}
	}
}
