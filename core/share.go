package core

import (
	"container/list"
	"time"
)

// maxQueues is the maximum number of different lifetimes in a share. The nodes of
// one site normally have the same. The limit bounds the work if a node sends
// another one in each handshake.
const maxQueues = 64

// Share is the part of a [Sessions] table that belongs to one site. A session can
// be found through any share, and moves to the share that finds it. So when a
// configuration is replaced, the sessions soon move to the new shares.
type Share struct {
	table *Sessions
	count int
	// elem is the share's element in table.shares, or nil if it has no sessions.
	elem *list.Element
	// peeks reports that the share finds sessions without using them.
	peeks bool
	// nextExpiry is not after the expiry of any session of the share. It is 0 if the
	// share has none.
	nextExpiry time.Duration
	// queues has the sessions of each lifetime, as *session, in the order of their
	// last use, which is also the order of their expiry.
	queues map[time.Duration]*list.List
}

// Table returns the table that the share belongs to.
func (s *Share) Table() *Sessions {
	return s.table
}

// Learn remembers a session and the tag of its upstream. It returns how many
// sessions the table has evicted before their expiry since it was created, and
// whether this call evicted one of them.
func (s *Share) Learn(handshake Handshake, tag string) (evicted uint64, full bool) {
	return Learn(s, handshake, tag)
}

// Learn is [Share.Learn]. It is a function, and rare work is in others, for an
// interpreter: see package traefik.
func Learn(s *Share, handshake Handshake, tag string) (evicted uint64, full bool) {
	t := s.table
	t.mu.Lock()
	before := t.evicted
	now := t.now().Sub(t.start)
	learned := &session{sid: handshake.SID, tag: tag, lifetime: handshake.Lifetime, share: s}
	if t.bySID[handshake.SID] != nil || t.count >= t.limit || t.shares.Len() > 1 || s.nextExpiry <= now {
		learned.next = t.makeRoom(learned, now)
	}
	queue := s.queues[handshake.Lifetime]
	if queue == nil {
		queue = s.newQueue(learned, now)
	}
	learned.expiry = now + learned.lifetime
	t.bySID[handshake.SID] = queue.PushBack(learned)
	t.byTag[tag]++
	s.count++
	t.count++
	evicted = t.evicted
	t.mu.Unlock()
	return evicted, evicted > before
}

// NewPeekShare returns a share that finds the sessions of the table without extending
// their expiry or moving them, so that they can be looked at. It learns no sessions.
func (t *Sessions) NewPeekShare() *Share {
	return &Share{table: t, peeks: true}
}

// Find returns the tag of a session's upstream and extends the session's expiry.
// It returns "" if the session is unknown. If accept is not nil, Find skips
// sessions whose tag it returns false for: if the nodes of two sites use the same
// session IDs, each site finds its own sessions.
func (s *Share) Find(sid string, accept func(tag string) bool) (tag string) {
	if accept == nil {
		return FindAny(s, sid)
	}
	if tag, accepted := s.lookUp(sid, accept); accepted {
		return tag
	}
	return ""
}

// FindAny is [Share.Find] for a session of any upstream. It is a function, and finds
// a session of the same share on its own, for an interpreter: see package traefik.
func FindAny(s *Share, sid string) (tag string) {
	t := s.table
	t.mu.Lock()
	elem := t.bySID[sid]
	if elem == nil {
		t.mu.Unlock()
		return ""
	}
	found := elem.Value.(*session)
	now := t.now().Sub(t.start)
	if found.share != s || found.expiry <= now {
		t.mu.Unlock()
		tag, _ = s.lookUp(sid, nil)
		return tag
	}
	found.expiry = now + found.lifetime
	s.queues[found.lifetime].MoveToBack(elem)
	t.mu.Unlock()
	return found.tag
}

// lookUp is [Share.Find], but if it has skipped all sessions, it returns the tag of
// the first one without extending its expiry: another site may use it.
func (s *Share) lookUp(sid string, accept func(tag string) bool) (tag string, accepted bool) {
	t := s.table
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now().Sub(t.start)
	skipped := ""
	elem := t.bySID[sid]
	for elem != nil {
		found := elem.Value.(*session)
		next := found.next
		if found.expiry <= now {
			t.remove(elem)
		} else if accept == nil || accept(found.tag) {
			if !s.peeks {
				s.renew(elem, found, now)
			}
			return found.tag, true
		} else if skipped == "" {
			skipped = found.tag
		}
		elem = next
	}
	return skipped, false
}

// roundLifetime returns the lifetime unchanged, or up to twice as long if the
// share has too many different ones.
func (s *Share) roundLifetime(lifetime time.Duration) time.Duration {
	if s.queues[lifetime] != nil || len(s.queues) < maxQueues {
		return lifetime
	}
	rounded := time.Second
	for rounded < lifetime {
		rounded *= 2
	}
	return rounded
}

// newQueue returns the queue for a session whose lifetime has none, and may round
// the lifetime. It adds a share without sessions to the table's list.
func (s *Share) newQueue(added *session, now time.Duration) *list.List {
	if first := now + added.lifetime; first < s.nextExpiry || s.count == 0 {
		s.nextExpiry = first
	}
	added.lifetime = s.roundLifetime(added.lifetime)
	queue := s.queues[added.lifetime]
	if queue == nil {
		queue = list.New()
		s.queues[added.lifetime] = queue
	}
	if s.count == 0 {
		s.elem = s.table.shares.PushBack(s)
	}
	return queue
}

// remove removes a session from its queue.
func (s *Share) remove(elem *list.Element) {
	removed := elem.Value.(*session)
	queue := s.queues[removed.lifetime]
	queue.Remove(elem)
	if queue.Len() == 0 {
		delete(s.queues, removed.lifetime)
	}
	s.count--
	if s.count == 0 {
		s.detach()
	}
}

// detach removes a share without sessions from the table's list.
func (s *Share) detach() {
	s.table.shares.Remove(s.elem)
	if s.table.largest == s.elem {
		s.table.largest = nil
	}
	s.elem = nil
	s.nextExpiry = 0
}

// renew extends the expiry of a session, and moves it to this share if it is in
// another one.
func (s *Share) renew(elem *list.Element, used *session, now time.Duration) {
	used.expiry = now + used.lifetime
	if used.share == s {
		s.queues[used.lifetime].MoveToBack(elem)
		return
	}
	used.share.remove(elem)
	queue := s.queues[used.lifetime]
	if queue == nil {
		queue = s.newQueue(used, now)
	}
	used.share = s
	s.count++
	s.table.replace(elem, queue.PushBack(used))
}

// oldest returns the session of the share that is nearest its expiry, or nil if
// the share has none.
func (s *Share) oldest() *list.Element {
	var oldest *list.Element
	for _, queue := range s.queues {
		front := queue.Front()
		if oldest == nil || front.Value.(*session).expiry < oldest.Value.(*session).expiry {
			oldest = front
		}
	}
	return oldest
}
