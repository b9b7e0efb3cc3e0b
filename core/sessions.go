package core

import (
	"container/list"
	"sync"
	"time"
)

// DefaultMaxSessions is how many sessions are remembered unless a configuration
// says otherwise.
const DefaultMaxSessions = 1_000_000

const (
	// maxSameSID is how many sessions of one ID are told apart by their
	// upstreams' tags. Nodes that number their sessions have the same IDs.
	maxSameSID = 4

	// tidyStep is how many entries a call removes at most beside its own work,
	// so that nobody has to wait for it.
	tidyStep = 4
)

// Sessions remembers for learned sessions the tag of the upstream that opened
// each. An entry lives as long as the session does without a sign of life,
// which is the pingInterval and the pingTimeout of its own handshake, and every
// use renews it. The table is bounded: a new entry in a full table takes the
// place of the one nearest its expiry, in the share that has the most. So a
// share that has no more than its part of the table loses nothing to others.
//
// It is safe for concurrent use.
type Sessions struct {
	// now is the clock: the time since any fixed moment. It never jumps.
	now func() time.Duration

	mu      sync.Mutex
	max     int
	count   int
	dropped uint64
	// entries has the place of each session in its queue, by its ID. Sessions of
	// one ID follow one another.
	entries map[string]*list.Element
	// shares has the shares that have sessions, as *Share. The last one is the
	// one that was tidied last. Lists are what Yaegi can hold of a type that
	// refers to this one.
	shares *list.List
	// largest is the place of the share that a session was dropped from last, or
	// nil.
	largest *list.Element
}

// learned is an entry of Sessions.
type learned struct {
	sid, tag string
	lifetime time.Duration
	expiry   time.Duration
	share    *Share
	// same is the place of another session of the same ID.
	same *list.Element
}

// NewSessions returns a table with room for so many sessions, at least one.
func NewSessions(most int) *Sessions {
	start := time.Now()
	return &Sessions{
		now:     func() time.Duration { return time.Since(start) },
		max:     most,
		entries: map[string]*list.Element{},
		shares:  list.New(),
	}
}

// NewShare returns a new share of the table.
func (s *Sessions) NewShare() *Share {
	return &Share{table: s, queues: map[time.Duration]*list.List{}}
}

// IsPowerOfTen reports whether n is 1, 10, 100 and so on: the counts of dropped
// sessions that are worth another line in a log.
func IsPowerOfTen(n uint64) bool {
	for n > 0 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// Limit changes for how many sessions there is room, at least one. Sessions that
// are too many go a few at a time, as others are learned.
func (s *Sessions) Limit(most int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.max = most
}

// Tidy gives back the memory of sessions that have expired, when all have.
func (s *Sessions) Tidy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	for at := s.shares.Front(); at != nil; at = at.Next() {
		for _, queue := range at.Value.(*Share).queues {
			if queue.Back().Value.(*learned).expiry > now {
				return
			}
		}
	}
	for at := s.shares.Front(); at != nil; at = at.Next() {
		share := at.Value.(*Share)
		share.queues = map[time.Duration]*list.List{}
		share.count = 0
		share.place = nil
	}
	s.shares.Init()
	s.largest = nil
	s.entries = map[string]*list.Element{}
	s.count = 0
}

// Len returns how many sessions are remembered. Some of them may have expired.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// relink puts another place, or none, where one was among those of its ID.
func (s *Sessions) relink(old, place *list.Element) {
	sid := old.Value.(*learned).sid
	at := s.entries[sid]
	if at == old {
		if place == nil {
			delete(s.entries, sid)
		} else {
			s.entries[sid] = place
		}
		return
	}
	for at.Value.(*learned).same != old {
		at = at.Value.(*learned).same
	}
	at.Value.(*learned).same = place
}

// expire forgets some sessions that have expired: of the share, and of another
// one each time.
func (s *Sessions) expire(h *Share) {
	s.expireIn(h)
	next := s.shares.Front()
	if next == nil {
		return
	}
	s.shares.MoveToBack(next)
	if next != h.place {
		s.expireIn(next.Value.(*Share))
	}
}

// expireIn forgets some of a share's sessions that have expired.
func (s *Sessions) expireIn(h *Share) {
	now := s.now()
	for i := 0; i < tidyStep; i++ {
		oldest := h.oldest()
		if oldest == nil || oldest.Value.(*learned).expiry > now {
			return
		}
		s.forget(oldest)
	}
}

// drop forgets a session to make room for one of a share, and counts it unless
// it has expired.
func (s *Sessions) drop(h *Share) {
	oldest := s.fullest(h).oldest()
	if oldest.Value.(*learned).expiry > s.now() {
		s.dropped++
	}
	s.forget(oldest)
}

// fullest returns a share that has more than its part of a full table. One that
// had is asked first, as there may be thousands.
func (s *Sessions) fullest(h *Share) *Share {
	if s.largest != nil {
		if largest := s.largest.Value.(*Share); largest.count > s.max/s.shares.Len() {
			return largest
		}
	}
	largest := h
	for at := s.shares.Front(); at != nil; at = at.Next() {
		if share := at.Value.(*Share); share.count > largest.count {
			largest = share
		}
	}
	s.largest = largest.place
	return largest
}

// forgetSame makes room for a session among those of its ID.
func (s *Sessions) forgetSame(sid, tag string) {
	times := 0
	place := s.entries[sid]
	for place != nil {
		entry := place.Value.(*learned)
		same := entry.same
		times++
		if entry.tag == tag || times >= maxSameSID {
			s.forget(place)
		}
		place = same
	}
}

// forget takes a session out of the table.
func (s *Sessions) forget(place *list.Element) {
	entry := place.Value.(*learned)
	s.relink(place, entry.same)
	entry.share.remove(place)
	s.count--
}
