package core

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// newTestSessions returns a table with a clock that a test sets.
func newTestSessions(most int) (sessions *Sessions, now *time.Duration) {
	now = new(time.Duration)
	sessions = NewSessions(most)
	sessions.now = func() time.Duration { return *now }
	return sessions, now
}

func opened(sid string, seconds int) Opened {
	return Opened{SID: sid, Lifetime: time.Duration(seconds) * time.Second}
}

func TestASessionIsKnownForItsLifetime(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 45), "A")
	s.Learn(opened("b", 10), "B")
	if tag := s.Find("c"); tag != "" {
		t.Errorf("nobody's tag is %q", tag)
	}
	*now += 45*time.Second - 1
	if tag := s.Find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime, want A", tag)
	}
	if tag := s.Find("b"); tag != "" {
		t.Errorf("tag %q after the session's own lifetime, want none", tag)
	}
	*now += 45*time.Second - 1
	if tag := s.Find("a"); tag != "A" {
		t.Errorf("tag %q within the lifetime since the last use, want A", tag)
	}
	*now += 45 * time.Second
	if tag := s.Find("a"); tag != "" {
		t.Errorf("tag %q after the lifetime, want none", tag)
	}
	if s.Len() != 0 {
		t.Errorf("%d entries are left", s.Len())
	}
}

func TestASessionLearnedAgainIsTheNewOne(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 10), "A")
	s.Learn(opened("a", 20), "B")
	*now += 15 * time.Second
	if tag := s.Find("a"); tag != "B" || s.Len() != 1 {
		t.Errorf("tag %q of %d entries, want B of one", tag, s.Len())
	}
}

func TestAFullTableDropsTheSessionNearestItsExpiry(t *testing.T) {
	s, now := newTestSessions(3)
	s.Learn(opened("long", 100), "T")
	s.Learn(opened("used", 10), "T")
	s.Learn(opened("unused", 11), "T")
	*now += 5 * time.Second
	s.Find("used")
	if dropped, full := s.Learn(opened("new", 50), "T"); dropped != 1 || !full {
		t.Errorf("dropped %d, full %v, want 1 for this one", dropped, full)
	}
	for sid, want := range map[string]string{"long": "T", "used": "T", "unused": "", "new": "T"} {
		if tag := s.Find(sid); tag != want {
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
	if s.Len() != 300 {
		t.Errorf("%d entries, want the 300 new ones", s.Len())
	}
}

func TestALowerLimitDropsWhatIsTooMuch(t *testing.T) {
	s, _ := newTestSessions(10)
	for i := 0; i < 10; i++ {
		s.Learn(opened(fmt.Sprint(i), 10+i), "T")
	}
	s.Limit(3)
	if s.Len() != 3 || s.Find("9") == "" || s.Find("6") != "" {
		t.Errorf("%d entries, want the three that live longest", s.Len())
	}
	s.Limit(4)
	if dropped, full := s.Learn(opened("x", 1), "T"); dropped != 7 || full {
		t.Errorf("dropped %d, full %v, want 7 before", dropped, full)
	}
}

func TestATableIsTidiedWhenAllHaveExpired(t *testing.T) {
	s, now := newTestSessions(10)
	s.Learn(opened("a", 10), "T")
	s.Learn(opened("b", 20), "T")
	*now += 10 * time.Second
	s.Tidy()
	if s.Find("b") != "T" {
		t.Error("a session is gone before its time")
	}
	*now += 20 * time.Second
	s.Tidy()
	if s.Len() != 0 {
		t.Errorf("%d entries are left", s.Len())
	}
	s.Learn(opened("c", 10), "T")
	if s.Find("c") != "T" {
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
	if s.Find("5000") == "" {
		t.Error("a session expired before its time")
	}
}

func TestManyUseTheTableAtOnce(t *testing.T) {
	const workers, turns, most = 8, 200, 100
	s := NewSessions(most)
	var wg sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		worker := worker
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := 0; i < turns; i++ {
				sid := fmt.Sprint(worker, "-", i)
				s.Learn(opened(sid, 60), sid)
				if tag := s.Find(sid); tag != "" && tag != sid {
					t.Errorf("tag %q of %s", tag, sid)
				}
			}
		}()
	}
	wg.Wait()
	if s.Len() != most {
		t.Errorf("%d entries, want %d", s.Len(), most)
	}
}
