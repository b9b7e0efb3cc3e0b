package core

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"
)

// engineIOSID returns a session ID of 20 characters, as Engine.IO generates them.
func engineIOSID(i int) string {
	id := make([]byte, 15)
	binary.BigEndian.PutUint64(id, uint64(i)*0x9e3779b97f4a7c15)
	binary.BigEndian.PutUint32(id[11:], uint32(i))
	return base64.RawURLEncoding.EncodeToString(id)
}

// newFullTable returns the only share of a full table, and how many bytes of memory
// each of its sessions takes.
func newFullTable(limit int) (share *Share, bytesPerSession float64) {
	memory := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := memory()
	share = NewSessions(limit).NewShare()
	for i := 0; i < limit; i++ {
		share.Learn(Handshake{SID: engineIOSID(i), Lifetime: 45 * time.Second}, "AbCdEfGhIj0")
	}
	return share, float64(memory()-before) / float64(limit)
}

func BenchmarkSessionsFind(b *testing.B) {
	for _, limit := range []int{1000, 1_000_000} {
		b.Run(fmt.Sprint("of ", limit), func(b *testing.B) {
			share, bytesPerSession := newFullTable(limit)
			sids := make([]string, 10_000)
			for i := range sids {
				sids[i] = engineIOSID(i * 7919 % limit)
			}
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					if share.find(sids[i%len(sids)]) == "" {
						b.Error("not found")
						return
					}
				}
			})
			b.ReportMetric(bytesPerSession, "bytes/session")
		})
	}
}

func BenchmarkSessionsLearn(b *testing.B) {
	const limit = 1_000_000
	share, _ := newFullTable(limit)
	b.ReportAllocs()
	b.ResetTimer()
	for i := limit; i < limit+b.N; i++ {
		share.Learn(Handshake{SID: engineIOSID(i), Lifetime: 45 * time.Second}, "AbCdEfGhIj0")
	}
}
