package e2e

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

// mebibyte is what memory is measured in.
const mebibyte = 1 << 20

// memory is what the system says of a program's memory, in bytes: what it has,
// and the most that it ever had.
type memory struct {
	resident, peak int
}

func (m memory) String() string {
	return fmt.Sprintf("%d MiB, %d at most", m.resident/mebibyte, m.peak/mebibyte)
}

// memory asks the system for the memory of the front's program.
func (f front) memory(t *testing.T) memory {
	t.Helper()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(f.pid(t)), "status"))
	require.NoError(t, err)
	return memory{resident: found(t, status, `VmRSS:\s+(\d+) kB`) << 10, peak: found(t, status, `VmHWM:\s+(\d+) kB`) << 10}
}

// pid returns the process ID of the front's program, which is in the process
// group of the shell that it is tethered to.
func (f front) pid(t *testing.T) int {
	t.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range processes {
		stat, _ := os.ReadFile(path) // it may have ended by now
		parts := regexp.MustCompile(`^(\d+) \((.*)\) \S \d+ (\d+) `).FindSubmatch(stat)
		if parts != nil && string(parts[2]) == f.proxy.name && string(parts[3]) == strconv.Itoa(f.proxy.cmd.Process.Pid) {
			return found(t, parts[1], `(\d+)`)
		}
	}
	require.FailNow(t, "no "+f.proxy.name+" runs", f.proxy.log.tail())
	return 0
}

// heap returns how much of its heap the front's program uses, without garbage,
// and without the buffers that it keeps ready: they go the second time.
func (f front) heap(t *testing.T) int {
	t.Helper()
	f.profileOf(t, "heap?gc=1&debug=1")
	return found(t, f.profileOf(t, "heap?gc=1&debug=1"), `# HeapAlloc = (\d+)`)
}

// settledHeap returns what heap does, when that has not become less for a while:
// connections that have just ended are still in there at first.
func (f front) settledHeap(t *testing.T) int {
	t.Helper()
	least, since := f.heap(t), 0
	for since < 3 {
		if now := f.heap(t); now < least {
			least, since = now, 0
		} else {
			since++
		}
	}
	return least
}

// goroutines returns how many the front's program has.
func (f front) goroutines(t *testing.T) int {
	t.Helper()
	return found(t, f.profileOf(t, "goroutine?debug=1"), `goroutine profile: total (\d+)`)
}

// requireSettled waits until the front's program has no more goroutines than it
// had, give or take what its bystanders do.
func (f front) requireSettled(t *testing.T, had int) {
	t.Helper()
	const give = 60
	requireSoon(t, fmt.Sprintf("%s has %d goroutines again", f.proxy.name, had), func() bool {
		return f.goroutines(t) <= had+give
	})
}

// profileOf asks the front's program for a profile of itself.
func (f front) profileOf(t *testing.T, what string) []byte {
	t.Helper()
	resp, err := guardedClient.Get("http://" + f.profile + "/debug/pprof/" + what)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	profile, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", profile)
	return profile
}

// found returns the number in the first part of a pattern.
func found(t *testing.T, text []byte, pattern string) int {
	t.Helper()
	parts := regexp.MustCompile(pattern).FindSubmatch(text)
	require.NotNil(t, parts, "no %s in %s", pattern, text)
	number, err := strconv.Atoi(string(parts[1]))
	require.NoError(t, err)
	return number
}
