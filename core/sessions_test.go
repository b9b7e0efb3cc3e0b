package core

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// newTestSessions returns the only share of a table, and its clock, which the test
// sets.
func newTestSessions(limit int) (share *Share, now *time.Duration) {
	now = new(time.Duration)
	sessions := NewSessions(limit)
	sessions.now = func() time.Time { return sessions.start.Add(*now) }
	return sessions.NewShare(), now
}

// find finds any session with this ID.
func (s *Share) find(sid string) (tag string) {
	return s.Find(sid, nil)
}

func handshake(sid string, seconds int) Handshake {
	return Handshake{SID: sid, Lifetime: time.Duration(seconds) * time.Second}
}

func TestSessionExpiresAfterItsLifetimeWithoutUse(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(handshake("a", 45), "A")
	s.Learn(handshake("b", 10), "B")
	if tag := s.find("c"); tag != "" {
		t.Errorf("tag %q of an unknown session, want none", tag)
	}
	*now += 45*time.Second - 1
	if tag := s.find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime, want A", tag)
	}
	if tag := s.find("b"); tag != "" {
		t.Errorf("tag %q after the lifetime of that session, want none", tag)
	}
	*now += 45*time.Second - 1
	if tag := s.find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime since the last use, want A", tag)
	}
	*now += 45 * time.Second
	if tag := s.find("a"); tag != "" {
		t.Errorf("tag %q after the lifetime, want none", tag)
	}
	if s.table.Len() != 0 {
		t.Errorf("%d entries are left", s.table.Len())
	}
}

func TestSessionLearnedAgainReplacesTheOldOne(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(handshake("a", 10), "A")
	s.Learn(handshake("a", 20), "B")
	*now += 15 * time.Second
	if tag := s.find("a"); tag != "B" {
		t.Errorf("tag %q, want B", tag)
	}
	s.Learn(handshake("a", 20), "B")
	if n := s.table.Len(); n > 2 {
		t.Errorf("%d entries, want one for each upstream at limit", n)
	}
}

func TestFullTableEvictsTheSessionNearestItsExpiry(t *testing.T) {
	s, now := newTestSessions(3)
	s.Learn(handshake("long", 100), "T")
	s.Learn(handshake("used", 10), "T")
	s.Learn(handshake("unused", 11), "T")
	*now += 5 * time.Second
	s.find("used")
	if evicted, full := s.Learn(handshake("new", 50), "T"); evicted != 1 || !full {
		t.Errorf("evicted %d, full %v, want 1 by this call", evicted, full)
	}
	for sid, want := range map[string]string{"long": "T", "used": "T", "unused": "", "new": "T"} {
		if tag := s.find(sid); tag != want {
			t.Errorf("%s: tag %q, want %q", sid, tag, want)
		}
	}
}

func TestExpiredSessionIsNotCountedAsEvicted(t *testing.T) {
	s, now := newTestSessions(1)
	s.Learn(handshake("old", 10), "T")
	*now += 10 * time.Second
	if evicted, full := s.Learn(handshake("new", 10), "T"); evicted != 0 || full {
		t.Errorf("evicted %d, full %v, want none", evicted, full)
	}
}

func TestLearningRemovesExpiredSessions(t *testing.T) {
	s, now := newTestSessions(1000)
	for i := 0; i < 900; i++ {
		s.Learn(handshake(fmt.Sprint("old", i), 1+i%7), "T")
	}
	*now += time.Minute
	for i := 0; i < 300; i++ {
		s.Learn(handshake(fmt.Sprint("new", i), 45), "T")
	}
	if s.table.Len() != 300 {
		t.Errorf("%d entries, want the 300 new ones", s.table.Len())
	}
}

func TestLowerLimitEvictsAFewSessionsAtATime(t *testing.T) {
	const limit = 1000
	s, _ := newTestSessions(limit)
	for i := 0; i < limit; i++ {
		s.Learn(handshake(fmt.Sprint(i), 10+i), "T")
	}
	s.table.SetLimit(3)
	if s.table.Len() != limit {
		t.Errorf("%d entries at once, want all %d", s.table.Len(), limit)
	}
	turns := 0
	for before := s.table.Len(); before > 3; turns++ {
		s.Learn(handshake(fmt.Sprint("new", turns), 2*limit), "T")
		if gone := before - s.table.Len(); gone < 1 || gone > cleanupBatch {
			t.Fatalf("%d entries were evicted for one session, want 1 to %d", gone, cleanupBatch)
		}
		before = s.table.Len()
	}
	if s.find(fmt.Sprint("new", turns-1)) != "T" || s.find("999") != "" {
		t.Error("the sessions nearest their expiry were not the ones evicted")
	}
}

func TestCompactEmptiesATableOfExpiredSessions(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(handshake("a", 10), "T")
	s.Learn(handshake("b", 20), "T")
	*now += 10 * time.Second
	s.table.Compact()
	if s.find("b") != "T" {
		t.Error("a session is gone before its expiry")
	}
	*now += 20 * time.Second
	s.table.Compact()
	if s.table.Len() != 0 {
		t.Errorf("%d entries are left", s.table.Len())
	}
	s.Learn(handshake("c", 10), "T")
	if s.find("c") != "T" {
		t.Error("the table learns nothing after Compact")
	}
}

func TestSessionsIsSafeForConcurrentUse(t *testing.T) {
	const workers, turns, limit = 8, 200, 100
	s := NewSessions(limit).NewShare()
	var wg sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		worker := worker
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < turns; i++ {
				sid := fmt.Sprint(worker, "-", i)
				s.Learn(handshake(sid, 60), sid)
				if tag := s.find(sid); tag != "" && tag != sid {
					t.Errorf("tag %q of %s", tag, sid)
				}
			}
		}()
	}
	wg.Wait()
	if s.table.Len() != limit {
		t.Errorf("%d entries, want %d", s.table.Len(), limit)
	}
}

func TestFindTellsSessionsWithTheSameIDApartByTag(t *testing.T) {
	a, now := newTestSessions(100)
	b := a.table.NewShare()
	a.Learn(handshake("1", 45), "A")
	b.Learn(handshake("1", 20), "B")
	only := func(want string) func(string) bool {
		return func(tag string) bool { return tag == want }
	}
	for i := 0; i < 3; i++ {
		if tag := a.Find("1", only("A")); tag != "A" {
			t.Errorf("tag %q, want A", tag)
		}
		if tag := b.Find("1", only("B")); tag != "B" {
			t.Errorf("tag %q, want B", tag)
		}
		if tag := b.Find("1", only("C")); tag != "" {
			t.Errorf("tag %q, want none", tag)
		}
	}
	if a.count != 1 || b.count != 1 {
		t.Errorf("%d and %d entries: a failed look-up has moved one", a.count, b.count)
	}
	*now += 21 * time.Second
	if tag := b.Find("1", only("B")); tag != "" {
		t.Errorf("tag %q after the lifetime, want none", tag)
	}
	if tag := a.Find("1", nil); tag != "A" {
		t.Errorf("tag %q, want A", tag)
	}
	for i := 0; i < 100; i++ {
		a.Learn(handshake("1", 45), fmt.Sprint("tag", i))
	}
	if n := a.table.Len(); n > maxPerSID {
		t.Errorf("%d sessions with the same ID, want %d at limit", n, maxPerSID)
	}
}
