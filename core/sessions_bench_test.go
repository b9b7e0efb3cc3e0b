package core

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// stockSID returns a session ID as Engine.IO makes them, 20 characters.
func stockSID(i int) string {
	id := make([]byte, 15)
	binary.BigEndian.PutUint64(id, uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint32(id[11:], uint32(i))
	return base64.RawURLEncoding.EncodeToString(id)
}

// newLearned returns a full table, and how many bytes of memory each session in
// it takes.
func newLearned(most int) (sessions *Share, each float64) {
	memory := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := memory()
	sessions = NewSessions(most).NewShare()
	for i := 0; i < most; i++ {
		sessions.Learn(Opened{SID: stockSID(i), Lifetime: 45 * time.Second}, "AbCdEfGhIj0")
	}
	return sessions, float64(memory()-before) / float64(most)
}

func BenchmarkSessionsFind(b *testing.B) {
	for _, most := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint("of ", most), func(b *testing.B) {
			sessions, each := newLearned(most)
			sids := make([]string, 10_000)
			for i := range sids {
				sids[i] = stockSID(i * 7919 % most)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if sessions.find(sids[i%len(sids)]) == "" {
						b.Error("not found")
						return
					}
				}
			})
			b.ReportMetric(each, "bytes/session")
		})
	}
}

func BenchmarkSessionsLearn(b *testing.B) {
	const most = 1_000_000
	sessions, _ := newLearned(most)
	b.ReportAllocs()
	b.ResetTimer()
	for i := most; i < most+b.N; i++ {
		sessions.Learn(Opened{SID: stockSID(i), Lifetime: 45 * time.Second}, "AbCdEfGhIj0")
	}
}
