package core

import (
	"container/list"
	"sync"
	"time"
)

// DefaultMaxSessions is how many sessions are remembered unless a configuration
// says otherwise.
const DefaultMaxSessions = 1_000_000

// maxQueues is how many different lifetimes are told apart. Nodes that work
// together have one; this bounds the work where a node makes one up for each
// session.
const maxQueues = 64

// Sessions remembers for learned sessions the tag of the upstream that opened
// each. An entry lives as long as the session does without a sign of life,
// which is the pingInterval and the pingTimeout of its own handshake, and every
// use renews it. There is room for so many entries; a new one in a full table
// takes the place of the one nearest its expiry.
//
// It is safe for concurrent use, and takes the same time however many entries
// there are.
type Sessions struct {
	// now is the clock: the time since any fixed moment.
	now func() time.Duration

	mu      sync.Mutex
	max     int
	dropped uint64
	// entries has the place of each session in its queue, by its ID.
	entries map[string]*list.Element
	// queues has the sessions of each lifetime, as *learned, in the order of
	// their last use, and so of their expiry.
	queues map[time.Duration]*list.List
}

// learned is an entry of Sessions.
type learned struct {
	sid, tag string
	lifetime time.Duration
	expiry   time.Duration
}

// NewSessions returns a table with room for so many sessions, at least one.
func NewSessions(most int) *Sessions {
	start := time.Now()
	return &Sessions{
		now:     func() time.Duration { return time.Since(start) },
		max:     most,
		entries: map[string]*list.Element{},
		queues:  map[time.Duration]*list.List{},
	}
}

// Learn remembers the upstream of a session, by its tag. It returns how many
// sessions had to be dropped before their expiry since the table was made, and
// whether this one was the reason for one of them.
func (s *Sessions) Learn(opened Opened, tag string) (dropped uint64, full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.dropped
	if known := s.entries[opened.SID]; known != nil {
		s.forget(known)
	}
	s.expire()
	for len(s.entries) >= s.max {
		s.drop()
	}

	entry := &learned{sid: opened.SID, tag: tag, lifetime: s.lifetime(opened.Lifetime)}
	entry.expiry = s.now() + entry.lifetime
	queue := s.queues[entry.lifetime]
	if queue == nil {
		queue = list.New()
		s.queues[entry.lifetime] = queue
	}
	s.entries[entry.sid] = queue.PushBack(entry)
	return s.dropped, s.dropped > before
}

// IsPowerOfTen reports whether n is 1, 10, 100 and so on: the counts of dropped
// sessions that are worth another line in a log.
func IsPowerOfTen(n uint64) bool {
	for n > 0 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// Find returns the tag of a session's upstream, and renews the session. It is
// "" for one that is not remembered.
func (s *Sessions) Find(sid string) (tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	place := s.entries[sid]
	if place == nil {
		return ""
	}
	entry := place.Value.(*learned)
	now := s.now()
	if entry.expiry <= now {
		s.forget(place)
		return ""
	}
	entry.expiry = now + entry.lifetime
	s.queues[entry.lifetime].MoveToBack(place)
	return entry.tag
}

// Limit changes for how many sessions there is room, at least one.
func (s *Sessions) Limit(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = most
	for len(s.entries) > s.max {
		s.drop()
	}
}

// Tidy gives back the memory of sessions that have expired, when all have.
func (s *Sessions) Tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for _, queue := range s.queues {
		if queue.Back().Value.(*learned).expiry > now {
			return
		}
	}
	s.entries = map[string]*list.Element{}
	s.queues = map[time.Duration]*list.List{}
}

// Len returns how many sessions are remembered. Some of them may have expired.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.entries)
}

// lifetime returns how long an entry of a lifetime lives: just that, unless
// there are too many different ones, when it lives up to twice as long.
func (s *Sessions) lifetime(lifetime time.Duration) time.Duration {
	if s.queues[lifetime] != nil || len(s.queues) < maxQueues {
		return lifetime
	}
	rounded := time.Second
	for rounded < lifetime {
		rounded *= 2
	}
	return rounded
}

// expire forgets some sessions that have expired: no more than a few at once,
// so that nobody has to wait, but more than are learned.
func (s *Sessions) expire() {
	now := s.now()
	for i := 0; i < 4; i++ {
		oldest := s.oldest()
		if oldest == nil || oldest.Value.(*learned).expiry > now {
			return
		}
		s.forget(oldest)
	}
}

// drop forgets the session nearest its expiry, and counts it unless it has
// expired.
func (s *Sessions) drop() {
	oldest := s.oldest()
	if oldest.Value.(*learned).expiry > s.now() {
		s.dropped++
	}
	s.forget(oldest)
}

// oldest returns the place of the session nearest its expiry, if any.
func (s *Sessions) oldest() *list.Element {
	var oldest *list.Element
	for _, queue := range s.queues {
		front := queue.Front()
		if oldest == nil || front.Value.(*learned).expiry < oldest.Value.(*learned).expiry {
			oldest = front
		}
	}
	return oldest
}

// forget takes a session out of the table.
func (s *Sessions) forget(place *list.Element) {
	entry := place.Value.(*learned)
	delete(s.entries, entry.sid)
	queue := s.queues[entry.lifetime]
	queue.Remove(place)
	if queue.Len() == 0 {
		delete(s.queues, entry.lifetime)
	}
}
