package testbed

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// MiB is a mebibyte.
const MiB = 1 << 20

// MemoryUse is the memory of a program in bytes: what it has, and the most that
// it ever had.
type MemoryUse struct {
	Resident, Peak int
}

// String implements [fmt.Stringer].
func (m MemoryUse) String() string {
	return fmt.Sprintf("%d MiB, %d at most", m.Resident/MiB, m.Peak/MiB)
}

// Memory reads the memory of the proxy from the kernel.
func (f Endpoint) Memory(t *testing.T) MemoryUse {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.Program.PID()), "status"))
	require.NoError(t, err)
	return MemoryUse{Resident: matchNumber(t, status, `VmRSS:\s+(\d+) kB`) << 10, Peak: matchNumber(t, status, `VmHWM:\s+(\d+) kB`) << 10}
}

// Heap returns how much of its heap the proxy uses, without garbage and without
// pooled buffers, which the second collection frees.
func (f Endpoint) Heap(t *testing.T) int {
	t.Helper()
	f.collectedHeap(t)
	return f.collectedHeap(t)
}

// collectedHeap returns the heap after one collection.
func (f Endpoint) collectedHeap(t *testing.T) int {
	t.Helper()
	return matchNumber(t, f.debugProfile(t, "heap?gc=1&debug=1"), `# HeapAlloc = (\d+)`)
}

// SettledHeap returns the heap once it no longer shrinks: connections that have
// just ended are still in it at first.
func (f Endpoint) SettledHeap(t *testing.T) int {
	t.Helper()
	least, since := f.Heap(t), 0
	for since < 3 {
		if now := f.collectedHeap(t); now < least { // the collection before was the first
			least, since = now, 0
		} else {
			since++
		}
	}
	return least
}

// Goroutines returns how many goroutines the proxy has.
func (f Endpoint) Goroutines(t *testing.T) int {
	t.Helper()
	return matchNumber(t, f.debugProfile(t, "goroutine?debug=1"), `goroutine profile: total (\d+)`)
}

// RequireGoroutines waits until the proxy has no more goroutines than it had,
// give or take those of the bystanders.
func (f Endpoint) RequireGoroutines(t *testing.T, had int) {
	t.Helper()
	const give = 60
	RequireEventually(t, fmt.Sprintf("%s has %d goroutines again", f.Program.Name, had), func() bool {
		return f.Goroutines(t) <= had+give
	})
}

// debugProfile reads a profile from the proxy's pprof endpoint.
func (f Endpoint) debugProfile(t *testing.T, what string) []byte {
	t.Helper()
	resp, err := HTTPClient.Get("http://" + f.DebugAddress + "/debug/pprof/" + what)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	profile, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", profile)
	return profile
}

// matchNumber returns the number in the first group of a pattern.
func matchNumber(t *testing.T, text []byte, pattern string) int {
	t.Helper()
	parts := regexp.MustCompile(pattern).FindSubmatch(text)
	require.NotNil(t, parts, "no %s in %s", pattern, text)
	number, err := strconv.Atoi(string(parts[1]))
	require.NoError(t, err)
	return number
}
