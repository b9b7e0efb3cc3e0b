package core

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// newTestSessions returns the only share of a table with a clock that a test
// sets.
func newTestSessions(most int) (share *Share, now *time.Duration) {
	now = new(time.Duration)
	sessions := NewSessions(most)
	sessions.now = func() time.Duration { return *now }
	return sessions.NewShare(), now
}

// find finds any session of an ID.
func (h *Share) find(sid string) (tag string) {
	return h.Find(sid, nil)
}

func opened(sid string, seconds int) Opened {
	return Opened{SID: sid, Lifetime: time.Duration(seconds) * time.Second}
}

func TestASessionIsKnownForItsLifetime(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 45), "A")
	s.Learn(opened("b", 10), "B")
	if tag := s.find("c"); tag != "" {
		t.Errorf("nobody's tag is %q", tag)
	}
	*now += 45*time.Second - 1
	if tag := s.find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime, want A", tag)
	}
	if tag := s.find("b"); tag != "" {
		t.Errorf("tag %q after the session's own lifetime, want none", tag)
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

func TestASessionLearnedAgainIsTheNewOne(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 10), "A")
	s.Learn(opened("a", 20), "B")
	*now += 15 * time.Second
	if tag := s.find("a"); tag != "B" {
		t.Errorf("tag %q, want B", tag)
	}
	s.Learn(opened("a", 20), "B")
	if n := s.table.Len(); n > 2 {
		t.Errorf("%d entries, want one for each upstream at most", n)
	}
}

func TestAFullTableDropsTheSessionNearestItsExpiry(t *testing.T) {
	s, now := newTestSessions(3)
	s.Learn(opened("long", 100), "T")
	s.Learn(opened("used", 10), "T")
	s.Learn(opened("unused", 11), "T")
	*now += 5 * time.Second
	s.find("used")
	if dropped, full := s.Learn(opened("new", 50), "T"); dropped != 1 || !full {
		t.Errorf("dropped %d, full %v, want 1 for this one", dropped, full)
	}
	for sid, want := range map[string]string{"long": "T", "used": "T", "unused": "", "new": "T"} {
		if tag := s.find(sid); tag != want {
			t.Errorf("%s: tag %q, want %q", sid, tag, want)
		}
	}
}

func TestAnExpiredSessionIsNotCountedAsDropped(t *testing.T) {
	s, now := newTestSessions(1)
	s.Learn(opened("old", 10), "T")
	*now += 10 * time.Second
	if dropped, full := s.Learn(opened("new", 10), "T"); dropped != 0 || full {
		t.Errorf("dropped %d, full %v, want none", dropped, full)
	}
}

func TestExpiredSessionsAreForgottenAsOthersAreLearned(t *testing.T) {
	s, now := newTestSessions(1000)
	for i := 0; i < 900; i++ {
		s.Learn(opened(fmt.Sprint("old", i), 1+i%7), "T")
	}
	*now += time.Minute
	for i := 0; i < 300; i++ {
		s.Learn(opened(fmt.Sprint("new", i), 45), "T")
	}
	if s.table.Len() != 300 {
		t.Errorf("%d entries, want the 300 new ones", s.table.Len())
	}
}

func TestALowerLimitDropsAFewSessionsAtATime(t *testing.T) {
	const most = 1000
	s, _ := newTestSessions(most)
	for i := 0; i < most; i++ {
		s.Learn(opened(fmt.Sprint(i), 10+i), "T")
	}
	s.table.Limit(3)
	if s.table.Len() != most {
		t.Errorf("%d entries at once, want all %d", s.table.Len(), most)
	}
	turns := 0
	for before := s.table.Len(); before > 3; turns++ {
		s.Learn(opened(fmt.Sprint("new", turns), 2*most), "T")
		if gone := before - s.table.Len(); gone < 1 || gone > tidyStep {
			t.Fatalf("%d entries went for one session, want 1 to %d", gone, tidyStep)
		}
		before = s.table.Len()
	}
	if s.find(fmt.Sprint("new", turns-1)) != "T" || s.find("999") != "" {
		t.Error("want the sessions that live longest")
	}
}

func TestATableIsTidiedWhenAllHaveExpired(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 10), "T")
	s.Learn(opened("b", 20), "T")
	*now += 10 * time.Second
	s.table.Tidy()
	if s.find("b") != "T" {
		t.Error("a session is gone before its time")
	}
	*now += 20 * time.Second
	s.table.Tidy()
	if s.table.Len() != 0 {
		t.Errorf("%d entries are left", s.table.Len())
	}
	s.Learn(opened("c", 10), "T")
	if s.find("c") != "T" {
		t.Error("a tidied table learns nothing")
	}
}

func TestManyLifetimesStayFew(t *testing.T) {
	s, now := newTestSessions(10_000)
	for i := 1; i <= 5000; i++ {
		s.Learn(opened(fmt.Sprint(i), i), "T")
	}
	if queues := len(s.queues); queues > 2*maxQueues {
		t.Errorf("%d queues", queues)
	}
	*now += 4999 * time.Second
	if s.find("5000") == "" {
		t.Error("a session expired before its time")
	}
}

func TestManyUseTheTableAtOnce(t *testing.T) {
	const workers, turns, most = 8, 200, 100
	s := NewSessions(most).NewShare()
	var wg sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		worker := worker
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < turns; i++ {
				sid := fmt.Sprint(worker, "-", i)
				s.Learn(opened(sid, 60), sid)
				if tag := s.find(sid); tag != "" && tag != sid {
					t.Errorf("tag %q of %s", tag, sid)
				}
			}
		}()
	}
	wg.Wait()
	if s.table.Len() != most {
		t.Errorf("%d entries, want %d", s.table.Len(), most)
	}
}

func TestAFullShareDropsNothingOfAnother(t *testing.T) {
	const most = 1000
	flooded, now := newTestSessions(most)
	spared := flooded.table.NewShare()
	for i := 0; i < most/2; i++ {
		spared.Learn(opened(fmt.Sprint("spared", i), 45), "S")
	}
	*now += time.Second
	for i := 0; i < 10*most; i++ {
		flooded.Learn(opened(fmt.Sprint("flood", i), 45), "F")
	}
	for i := 0; i < most/2; i++ {
		if spared.find(fmt.Sprint("spared", i)) != "S" {
			t.Fatalf("session %d of the other share is gone", i)
		}
	}
	if n := flooded.table.Len(); n != most {
		t.Errorf("%d entries, want %d", n, most)
	}
}

// A configuration that replaces another has a new share for each site.
func TestSessionsMoveToTheShareThatUsesThem(t *testing.T) {
	const most = 100
	old, now := newTestSessions(most)
	for i := 0; i < most; i++ {
		old.Learn(opened(fmt.Sprint(i), 45), "T")
	}
	used := old.table.NewShare()
	for i := 0; i < most; i++ {
		if used.find(fmt.Sprint(i)) != "T" {
			t.Fatalf("session %d is not found", i)
		}
	}
	if old.count != 0 || used.count != most || old.table.shares.Len() != 1 {
		t.Errorf("%d and %d entries in %d shares", old.count, used.count, old.table.shares.Len())
	}
	*now += 44 * time.Second
	if used.find("7") != "T" {
		t.Error("a session that moved expired before its time")
	}
}

// Nodes that number their sessions give the same IDs.
func TestSessionsOfOneIDAreToldApartByTheirUpstreams(t *testing.T) {
	a, now := newTestSessions(100)
	b := a.table.NewShare()
	a.Learn(opened("1", 45), "A")
	b.Learn(opened("1", 20), "B")
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
		t.Errorf("%d and %d entries: a look-up that found nothing moved one", a.count, b.count)
	}
	*now += 21 * time.Second
	if tag := b.Find("1", only("B")); tag != "" {
		t.Errorf("tag %q after the lifetime, want none", tag)
	}
	if tag := a.Find("1", nil); tag != "A" {
		t.Errorf("tag %q, want A", tag)
	}
	for i := 0; i < 100; i++ {
		a.Learn(opened("1", 45), fmt.Sprint("tag", i))
	}
	if n := a.table.Len(); n > maxSameSID {
		t.Errorf("%d sessions of one ID, want %d at most", n, maxSameSID)
	}
}

// A site whose sessions have all expired makes room for others.
func TestExpiredSessionsOfOtherSharesAreForgotten(t *testing.T) {
	const most = 100
	idle, now := newTestSessions(most)
	busy := idle.table.NewShare()
	for i := 0; i < most/2; i++ {
		idle.Learn(opened(fmt.Sprint("idle", i), 10), "I")
	}
	*now += 10 * time.Second
	for i := 0; i < most; i++ {
		if dropped, _ := busy.Learn(opened(fmt.Sprint("busy", i), 45), "B"); dropped != 0 {
			t.Fatalf("session %d: %d dropped beside %d that have expired", i, dropped, idle.count)
		}
	}
}
