package core

import (
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
