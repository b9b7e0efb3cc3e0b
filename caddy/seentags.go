package caddy

import "sync"

// maxSeenTags is how many tags a seenTags remembers at least, and half of how
// many at most.
const maxSeenTags = 10_000

// seenTags remembers the tags of all upstreams that the policies of this process
// have seen, including those of earlier configs. It tells a session whose upstream
// was removed from one that another proxy with another secret has tagged. It is
// safe for concurrent use.
type seenTags struct {
	mu sync.RWMutex
	// When recent is full, it becomes older, and the tags in older are dropped.
	recent, older map[string]struct{}
}

// newSeenTags returns a seenTags without tags.
func newSeenTags() *seenTags {
	return &seenTags{recent: map[string]struct{}{}}
}

// add remembers a tag.
func (s *seenTags) add(tag string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recent) >= maxSeenTags {
		s.recent, s.older = map[string]struct{}{}, s.recent
	}
	s.recent[tag] = struct{}{}
}

// has reports whether a tag is remembered.
func (s *seenTags) has(tag string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, recent := s.recent[tag]
	_, older := s.older[tag]
	return recent || older
}
