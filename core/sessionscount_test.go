package core

import (
	"testing"
	"time"
)

func TestSessionsAreCountedByTag(t *testing.T) {
	s, now := newTestSessions(2)
	s.Learn(handshake("a", 10), "A")
	s.Learn(handshake("b", 20), "B")
	s.Learn(handshake("c", 30), "B") // evicts a
	if a, b := s.table.LenOf("A"), s.table.LenOf("B"); a != 0 || b != 2 {
		t.Errorf("%d sessions of A and %d of B, want 0 and 2", a, b)
	}
	if evicted := s.table.Evicted(); evicted != 1 {
		t.Errorf("%d evicted, want 1", evicted)
	}
	*now += time.Minute
	s.find("b")
	if b := s.table.LenOf("B"); b != 1 {
		t.Errorf("%d sessions of B after one expired, want 1", b)
	}
	s.table.Compact()
	if b := s.table.LenOf("B"); b != 0 {
		t.Errorf("%d sessions of B after all expired, want 0", b)
	}
}
