package e2e

import (
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// How long and hard to soak, as make soak says. By default it is a short one.
const (
	soakSessions = "SOAK_SESSIONS" // how many sessions are open at once
	soakMinutes  = "SOAK_MINUTES"  // for how long they talk
)

func TestCaddyHoldsManySessionsForLong(t *testing.T) {
	testSoak(t, caddyShorthand)
}

func TestTraefikHoldsManySessionsForLong(t *testing.T) {
	testSoak(t, traefikProfiled(t, nil))
}

// testSoak has many real sessions open at once, over all transports, and has
// each say something again and again. None is lost, and the proxy needs no more
// memory in the end than in the middle.
func testSoak(t *testing.T, h host) {
	t.Helper()
	const fewRounds, pace = 6, 3 * time.Second
	sessions := fromEnvironment(t, soakSessions, 200)
	lasts := time.Duration(fromEnvironment(t, soakMinutes, 0)) * time.Minute

	nodes := startNodes(t, []string{"a", "b", "c"})
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	var crowds runningCrowds
	for _, part := range []struct {
		transports []string
		tenths     int
	}{
		{[]string{"polling"}, 4},
		{[]string{"polling", "websocket"}, 3},
		{[]string{"websocket"}, 3},
	} {
		clients := sessions * part.tenths / 10
		crowds = append(crowds, crowd{
			URL: f.url, Clients: clients, Transports: part.transports, Messages: 2, MaxBytes: 2000,
			Hold: "listen", cookies: f.cookies(clients, part.transports),
		}.start(t))
	}
	for _, r := range crowds {
		r.requireReady(t)
	}

	// round has everybody say something, and notes the proxy's memory.
	var resident []int
	round := func() {
		start := time.Now()
		for _, r := range crowds {
			r.tell(t, "round")
		}
		for _, r := range crowds {
			r.requireDone(t, "round")
		}
		resident = append(resident, f.memory(t).resident)
		if lasts > 0 {
			time.Sleep(pace - time.Since(start))
		}
	}
	start := time.Now()
	for len(resident) < fewRounds/2 || time.Since(start) < lasts/2 {
		round()
	}
	half, heap := len(resident), f.heap(t)
	for len(resident) < 2*half {
		round()
	}
	moreHeap := f.heap(t) - heap
	first, second := slices.Max(resident[:half]), slices.Max(resident[half:])
	t.Logf("%s: %d sessions, %d rounds in %.0f s; %s has %d MiB at most in the first half, %d MiB in the second; heap %d KiB, %d KiB more in the end",
		t.Name(), sessions, len(resident), time.Since(start).Seconds(), f.proxy.name, first>>20, second>>20, heap>>10, moreHeap>>10)
	assert.Less(t, second, first+first/4, "memory in the second half")
	assert.Less(t, moreHeap, heap/4+4*mebibyte, "heap")

	all := crowds.finishHeld(t)
	all.assertSpread(t, nodes)
}

// fromEnvironment returns the number in an environment variable.
func fromEnvironment(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return otherwise
	}
	number, err := strconv.Atoi(value)
	require.NoError(t, err, variable)
	return number
}
