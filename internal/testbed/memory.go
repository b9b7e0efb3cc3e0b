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

// MiB is what memory is measured in.
const MiB = 1 << 20

// memory is what the system says of a program's memory, in bytes: what it has,
// and the most that it ever had.
type memory struct {
	Resident, Peak int
}

func (m memory) String() string {
	return fmt.Sprintf("%d MiB, %d at most", m.Resident/MiB, m.Peak/MiB)
}

// Memory asks the system for the memory of the front's program.
func (f Endpoint) Memory(t *testing.T) memory {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.PID(t)), "status"))
	require.NoError(t, err)
	return memory{Resident: matchNumber(t, status, `VmRSS:\s+(\d+) kB`) << 10, Peak: matchNumber(t, status, `VmHWM:\s+(\d+) kB`) << 10}
}

// PID returns the process ID of the front's program, which is in the process
// group of the shell that it is tethered to.
func (f Endpoint) PID(t *testing.T) int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range processes {
		stat, _ := os.ReadFile(path) // it may have ended by now
		parts := regexp.MustCompile(`^(\d+) \((.*)\) \S \d+ (\d+) `).FindSubmatch(stat)
		if parts != nil && string(parts[2]) == f.Program.Name && string(parts[3]) == strconv.Itoa(f.Program.Cmd.Process.Pid) {
			return matchNumber(t, parts[1], `(\d+)`)
		}
	}
	require.FailNow(t, "no "+f.Program.Name+" runs", f.Program.Log.Tail())
	return 0
}

// Heap returns how much of its heap the front's program uses, without garbage,
// and without the buffers that it keeps ready: they go the second time.
func (f Endpoint) Heap(t *testing.T) int {
	t.Helper()
	f.debugProfile(t, "heap?gc=1&debug=1")
	return matchNumber(t, f.debugProfile(t, "heap?gc=1&debug=1"), `# HeapAlloc = (\d+)`)
}

// SettledHeap returns what heap does, when that has not become less for a while:
// connections that have just ended are still in there at first.
func (f Endpoint) SettledHeap(t *testing.T) int {
	t.Helper()
	least, since := f.Heap(t), 0
	for since < 3 {
		if now := f.Heap(t); now < least {
			least, since = now, 0
		} else {
			since++
		}
	}
	return least
}

// Goroutines returns how many the front's program has.
func (f Endpoint) Goroutines(t *testing.T) int {
	t.Helper()
	return matchNumber(t, f.debugProfile(t, "goroutine?debug=1"), `goroutine profile: total (\d+)`)
}

// RequireGoroutines waits until the front's program has no more goroutines than it
// had, give or take what its bystanders do.
func (f Endpoint) RequireGoroutines(t *testing.T, had int) {
	t.Helper()
	const give = 60
	RequireEventually(t, fmt.Sprintf("%s has %d goroutines again", f.Program.Name, had), func() bool {
		return f.Goroutines(t) <= had+give
	})
}

// debugProfile asks the front's program for a profile of itself.
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

// matchNumber returns the number in the first part of a pattern.
func matchNumber(t *testing.T, text []byte, pattern string) int {
	t.Helper()
	parts := regexp.MustCompile(pattern).FindSubmatch(text)
	require.NotNil(t, parts, "no %s in %s", pattern, text)
	number, err := strconv.Atoi(string(parts[1]))
	require.NoError(t, err)
	return number
}
