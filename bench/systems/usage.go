package systems

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// CPUTime returns how long the processes of the system have been on a CPU since they
// began.
func (r *Running) CPUTime() (time.Duration, error) {
	var sum time.Duration
	pids, err := r.PIDs()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		taken, err := local.CPUTime(pid)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return 0, fmt.Errorf("%s: %w", r.Name, err)
		}
		sum += taken
	}
	return sum, nil
}

// Resident returns how much memory the processes of the system have, in bytes.
func (r *Running) Resident() (int, error) {
	pids, err := r.PIDs()
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, pid := range pids {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		kib, numberErr := number(status, `VmRSS:\s+(\d+) kB`)
		if err := errors.Join(err, numberErr); err != nil {
			return 0, fmt.Errorf("reading the memory of %s: %w", r.Name, err)
		}
		sum += kib << 10
	}
	return sum, nil
}

// Heap returns how many bytes of heap and of stacks a Go program uses after a
// collection. It returns false for any other program.
func (r *Running) Heap() (bytes int, ok bool, err error) {
	if r.debug == "" {
		return 0, false, nil
	}
	var profile []byte
	for range 3 { // the second collection frees what is in pools
		if profile, err = r.profile("heap?gc=1&debug=1"); err != nil {
			return 0, false, err
		}
	}
	heap, heapErr := number(profile, `# HeapAlloc = (\d+)`)
	stacks, stacksErr := number(profile, `# Stack = (\d+)`)
	return heap + stacks, true, errors.Join(heapErr, stacksErr)
}

// profile reads a profile from the pprof endpoint.
func (r *Running) profile(what string) ([]byte, error) {
	client := http.Client{Timeout: time.Minute}
	res, err := client.Get("http://" + r.debug + "/debug/pprof/" + what)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(res.Body)
	return text, errors.Join(err, res.Body.Close())
}

// number returns the number in the first group of a pattern.
func number(text []byte, pattern string) (int, error) {
	parts := regexp.MustCompile(pattern).FindSubmatch(text)
	if parts == nil {
		return 0, fmt.Errorf("no %s in %.200q", pattern, text)
	}
	return strconv.Atoi(string(parts[1]))
}
