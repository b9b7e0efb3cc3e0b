package core

import (
	"container/list"
	"sync"
	"time"
)

// DefaultMaxSessions is the default maximum number of learned sessions.
const DefaultMaxSessions = 1_000_000

const (
	// maxPerSID is the maximum number of sessions with the same ID. Nodes that
	// number their sessions give the same IDs. The tags of their upstreams tell
	// such sessions apart.
	maxPerSID = 4

	// cleanupBatch is the maximum number of other sessions that a call removes, so
	// that no call takes long.
	cleanupBatch = 4
)

// Sessions is a table of learned sessions: it maps session IDs to the tags of
// their upstreams. A session expires when it has not been used for its lifetime,
// the pingInterval plus pingTimeout of its own handshake. The size of the table is
// limited. When it is full, a new session evicts the one nearest its expiry from
// the largest [Share], so a share that is no larger than an equal part of the
// table loses nothing to the others.
//
// It is safe for concurrent use.
type Sessions struct {
	// now returns the time. Expiries are durations since start, on a monotonic clock.
	now   func() time.Time
	start time.Time

	mu      sync.Mutex
	limit   int
	count   int
	evicted uint64
	// byTag has the number of sessions of each tag.
	byTag map[string]int
	// bySID has the first session of each ID. The others follow in session.next.
	bySID map[string]*list.Element
	// shares has the shares that have sessions, as *Share. The last one is the one
	// whose expired sessions were removed last. It is a list because Yaegi supports
	// no other collection of a type that refers back to this one.
	shares *list.List
	// largest is the element in shares of the share that a session was last evicted
	// from, or nil.
	largest *list.Element
}

// session is a session in the table, the value of an element of a queue.
type session struct {
	sid, tag string
	lifetime time.Duration
	expiry   time.Duration
	share    *Share
	// next is another session with the same ID, or nil.
	next *list.Element
}

// NewSessions returns a table for at most limit sessions. The limit must be at
// least 1.
func NewSessions(limit int) *Sessions {
	return &Sessions{
		now:    time.Now,
		start:  time.Now(),
		limit:  limit,
		byTag:  map[string]int{},
		bySID:  map[string]*list.Element{},
		shares: list.New(),
	}
}

// NewShare adds a share to the table.
func (t *Sessions) NewShare() *Share {
	return &Share{table: t, queues: map[time.Duration]*list.List{}}
}

// IsPowerOfTen reports whether n is 1, 10, 100 and so on. The adapters log the
// first occurrence of an event, the tenth, the hundredth and so on.
func IsPowerOfTen(n uint64) bool {
	for n > 0 && n%10 == 0 {
		n /= 10
	}
	return n == 1
}

// SetLimit changes the maximum number of sessions, which must be at least 1. If
// the table has more, it evicts a few of them each time it learns a session.
func (t *Sessions) SetLimit(limit int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.limit = limit
}

// Limit returns the maximum number of sessions.
func (t *Sessions) Limit() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.limit
}

// Compact releases the table's memory if all of its sessions have expired.
func (t *Sessions) Compact() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Sub(t.start)
	for elem := t.shares.Front(); elem != nil; elem = elem.Next() {
		for _, queue := range elem.Value.(*Share).queues {
			if queue.Back().Value.(*session).expiry > now {
				return
			}
		}
	}
	for elem := t.shares.Front(); elem != nil; elem = elem.Next() {
		share := elem.Value.(*Share)
		share.queues = map[time.Duration]*list.List{}
		share.count = 0
		share.elem = nil
		share.nextExpiry = 0
	}
	t.shares.Init()
	t.largest = nil
	t.bySID = map[string]*list.Element{}
	t.byTag = map[string]int{}
	t.count = 0
}

// Len returns the number of sessions in the table, including expired ones that
// have not been removed yet.
func (t *Sessions) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// LenOf returns the number of sessions with a tag, including expired ones that
// have not been removed yet.
func (t *Sessions) LenOf(tag string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byTag[tag]
}

// Evicted returns how many sessions the table has evicted before their expiry.
func (t *Sessions) Evicted() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.evicted
}

// replace replaces an element among the sessions with its ID by another one, or
// removes it if the other one is nil.
func (t *Sessions) replace(old, elem *list.Element) {
	sid := old.Value.(*session).sid
	first := t.bySID[sid]
	if first == old {
		if elem == nil {
			delete(t.bySID, sid)
		} else {
			t.bySID[sid] = elem
		}
		return
	}
	previous := first.Value.(*session)
	for previous.next != old {
		previous = previous.next.Value.(*session)
	}
	previous.next = elem
}

// removeExpired removes some expired sessions of the share, and of another share
// that is a different one each time.
func (t *Sessions) removeExpired(share *Share, now time.Duration) {
	t.removeExpiredFrom(share, now)
	other := t.shares.Front()
	if other == nil {
		return
	}
	t.shares.MoveToBack(other)
	if other != share.elem {
		t.removeExpiredFrom(other.Value.(*Share), now)
	}
}

// removeExpiredFrom removes some expired sessions of the share.
func (t *Sessions) removeExpiredFrom(share *Share, now time.Duration) {
	if share.nextExpiry > now {
		return
	}
	for i := 0; i < cleanupBatch; i++ {
		oldest := share.oldest()
		if oldest == nil {
			return
		}
		share.nextExpiry = oldest.Value.(*session).expiry
		if share.nextExpiry > now {
			return
		}
		t.remove(oldest)
	}
}

// makeRoom prepares the table for a session that is learned: it removes other
// sessions with its ID and tag, expired ones, and if the table is still full, the ones
// nearest their expiry. It returns the first of those with its ID that are left.
func (t *Sessions) makeRoom(learned *session, now time.Duration) *list.Element {
	t.removeDuplicates(learned.sid, learned.tag)
	t.removeExpired(learned.share, now)
	for i := 0; i < cleanupBatch && t.count >= t.limit; i++ {
		t.evict(learned.share, now)
	}
	return t.bySID[learned.sid]
}

// evict removes a session to make room for one of the share, and counts it unless
// it has expired.
func (t *Sessions) evict(share *Share, now time.Duration) {
	oldest := t.largestShare(share).oldest()
	if oldest.Value.(*session).expiry > now {
		t.evicted++
	}
	t.remove(oldest)
}

// largestShare returns a share that is larger than an equal part of the table. It
// tries the one that was the largest before, because there may be thousands.
func (t *Sessions) largestShare(share *Share) *Share {
	if t.largest != nil {
		if largest := t.largest.Value.(*Share); largest.count > t.limit/t.shares.Len() {
			return largest
		}
	}
	largest := share
	for elem := t.shares.Front(); elem != nil; elem = elem.Next() {
		if other := elem.Value.(*Share); other.count > largest.count {
			largest = other
		}
	}
	t.largest = largest.elem
	return largest
}

// removeDuplicates removes the session with this ID and tag, if there is one, and
// those with this ID that exceed maxPerSID.
func (t *Sessions) removeDuplicates(sid, tag string) {
	count := 0
	elem := t.bySID[sid]
	for elem != nil {
		s := elem.Value.(*session)
		next := s.next
		count++
		if s.tag == tag || count >= maxPerSID {
			t.remove(elem)
		}
		elem = next
	}
}

// remove removes a session from the table.
func (t *Sessions) remove(elem *list.Element) {
	s := elem.Value.(*session)
	t.replace(elem, s.next)
	s.share.remove(elem)
	t.countTag(s.tag, -1)
	t.count--
}

// countTag adds n to the number of sessions with a tag.
func (t *Sessions) countTag(tag string, n int) {
	if n += t.byTag[tag]; n > 0 {
		t.byTag[tag] = n
	} else {
		delete(t.byTag, tag)
	}
}
