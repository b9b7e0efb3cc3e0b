package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// These environment variables set the size of the test. make soak sets them. By default
// it is small.
const (
	soakSessions = "SOAK_SESSIONS" // how many sessions are open at once
	soakMinutes  = "SOAK_MINUTES"  // for how long they talk
)

func TestCaddyHoldsManySessionsForLong(t *testing.T) {
	t.Parallel()
	testSoak(t, testbed.CaddyShorthand)
}

func TestTraefikHoldsManySessionsForLong(t *testing.T) {
	t.Parallel()
	testSoak(t, testbed.TraefikWithDebugAddress(t, nil))
}

// testSoak has many real sessions open at once, over all transports, each of
// which sends messages again and again. None is lost, and the proxy needs no
// more memory in the end than in the middle.
func testSoak(t *testing.T, h testbed.Proxy) {
	t.Helper()
	const fewRounds, pace = 6, 3 * time.Second
	sessions := testbed.FromEnvironment(t, soakSessions, 100)
	lasts := time.Duration(testbed.FromEnvironment(t, soakMinutes, 0)) * time.Minute

	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	polling, upgraded, socket := testbed.Transports[0], testbed.Transports[1], testbed.Transports[2]
	clients := testbed.Clients{
		URL: f.URL, Count: sessions, Messages: 2, MaxBytes: 2000, Mode: testbed.Commands,
		TransportsInTurn: [][]string{polling, upgraded, socket, polling, upgraded, socket, polling, upgraded, socket, polling},
		WantSetCookies:   f.CookiesFor(sessions*3/10, socket),
	}.Start(t)
	clients.RequireReady(t)

	// round has every client send a message, and records the proxy's memory.
	var resident []int
	round := func() {
		start := time.Now()
		clients.Do(t, "round")
		resident = append(resident, f.Memory(t).Resident)
		if lasts > 0 {
			time.Sleep(pace - time.Since(start))
		}
	}
	start := time.Now()
	for len(resident) < fewRounds/2 || time.Since(start) < lasts/2 {
		round()
	}
	half, heap := len(resident), f.Heap(t)
	for len(resident) < 2*half {
		round()
	}
	moreHeap := f.Heap(t) - heap
	first, second := slices.Max(resident[:half]), slices.Max(resident[half:])
	t.Logf("%s: %d sessions, %d rounds in %.0f s; %s has %d MiB at most in the first half, %d MiB in the second; heap %d KiB, %d KiB more in the end",
		t.Name(), sessions, len(resident), time.Since(start).Seconds(), f.Program.Name, first>>20, second>>20, heap>>10, moreHeap>>10)
	assert.Less(t, second, first+first/4, "memory in the second half")
	assert.Less(t, moreHeap, heap/4+4*testbed.MiB, "heap")

	o := clients.Finish(t)
	o.AssertHeld(t)
	o.AssertBalanced(t, nodes)
}
