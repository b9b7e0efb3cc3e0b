package core

import (
	"container/list"
	"time"
)

// maxQueues is how many different lifetimes a share tells apart. Nodes that work
// together have one; this bounds the work where a node makes one up for each
// session.
const maxQueues = 64

// Share is the part of a table that one site fills. Sessions are found in any
// share, and move to the share that uses them, so that those of a site whose
// configuration was replaced are in its new share soon.
type Share struct {
	table *Sessions
	count int
	// place is that of the share among those of the table that have sessions,
	// or nil.
	place *list.Element
	// queues has the sessions of each lifetime, as *learned, in the order of
	// their last use, and so of their expiry.
	queues map[time.Duration]*list.List
}

// Table returns the table that the share is a part of.
func (h *Share) Table() *Sessions {
	return h.table
}

// Learn remembers the upstream of a session, by its tag. It returns how many
// sessions had to be dropped before their expiry since the table was made, and
// whether this one was the reason for one of them.
func (h *Share) Learn(opened Opened, tag string) (dropped uint64, full bool) {
	s := h.table
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.dropped
	s.forgetSame(opened.SID, tag)
	s.expire(h)
	for i := 0; i < tidyStep && s.count >= s.max; i++ {
		s.drop(h)
	}

	entry := &learned{sid: opened.SID, tag: tag, lifetime: h.lifetime(opened.Lifetime), same: s.entries[opened.SID]}
	entry.expiry = s.now() + entry.lifetime
	s.entries[entry.sid] = h.add(entry)
	s.count++
	return s.dropped, s.dropped > before
}

// Find returns the tag of a session's upstream, and renews the session. It is
// "" for one that is not remembered. Where known is not nil, only a session
// whose tag it reports true for is found: of two sites whose nodes use the same
// IDs, each finds its own.
func (h *Share) Find(sid string, known func(tag string) bool) (tag string) {
	s := h.table
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	place := s.entries[sid]
	for place != nil {
		entry := place.Value.(*learned)
		same := entry.same
		if entry.expiry <= now {
			s.forget(place)
		} else if known == nil || known(entry.tag) {
			h.renew(place, entry, now)
			return entry.tag
		}
		place = same
	}
	return ""
}

// peek returns the tag of a session's upstream, as Find does for any tag, but
// does not renew the session: another site may use it.
func (h *Share) peek(sid string) (tag string) {
	s := h.table
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	place := s.entries[sid]
	for place != nil {
		entry := place.Value.(*learned)
		if entry.expiry > now {
			return entry.tag
		}
		place = entry.same
	}
	return ""
}

// lifetime returns how long an entry of a lifetime lives: just that, unless
// there are too many different ones, when it lives up to twice as long.
func (h *Share) lifetime(lifetime time.Duration) time.Duration {
	if h.queues[lifetime] != nil || len(h.queues) < maxQueues {
		return lifetime
	}
	rounded := time.Second
	for rounded < lifetime {
		rounded *= 2
	}
	return rounded
}

// add puts an entry last in its queue of the share.
func (h *Share) add(entry *learned) *list.Element {
	queue := h.queues[entry.lifetime]
	if queue == nil {
		queue = list.New()
		h.queues[entry.lifetime] = queue
	}
	if h.count == 0 {
		h.place = h.table.shares.PushBack(h)
	}
	entry.share = h
	h.count++
	return queue.PushBack(entry)
}

// remove takes an entry out of its queue.
func (h *Share) remove(place *list.Element) {
	entry := place.Value.(*learned)
	queue := h.queues[entry.lifetime]
	queue.Remove(place)
	if queue.Len() == 0 {
		delete(h.queues, entry.lifetime)
	}
	h.count--
	if h.count == 0 {
		h.leave()
	}
}

// leave takes a share without sessions out of those that have any.
func (h *Share) leave() {
	h.table.shares.Remove(h.place)
	if h.table.largest == h.place {
		h.table.largest = nil
	}
	h.place = nil
}

// renew has an entry that the share uses live for its lifetime from now.
func (h *Share) renew(place *list.Element, entry *learned, now time.Duration) {
	entry.expiry = now + entry.lifetime
	if entry.share == h {
		h.queues[entry.lifetime].MoveToBack(place)
		return
	}
	entry.share.remove(place)
	entry.lifetime = h.lifetime(entry.lifetime)
	h.table.relink(place, h.add(entry))
}

// oldest returns the place of the share's session nearest its expiry, if any.
func (h *Share) oldest() *list.Element {
	var oldest *list.Element
	for _, queue := range h.queues {
		front := queue.Front()
		if oldest == nil || front.Value.(*learned).expiry < oldest.Value.(*learned).expiry {
			oldest = front
		}
	}
	return oldest
}
