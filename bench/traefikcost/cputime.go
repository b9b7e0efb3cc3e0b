package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuTime returns how long Traefik has been on a CPU since it began: the sum
// over its threads, of which a Go program ends hardly any. The kernel counts
// it in nanoseconds there, where /proc/<pid>/stat has it in hundredths of a
// second.
func (t *traefik) cpuTime() (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", t.PID()))
	if err != nil || len(threads) == 0 {
		return 0, errors.Join(err, errors.New("reading Traefik's CPU time: it has ended, or this is not Linux"))
	}
	var sum time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread) //nolint:gosec // the kernel names it
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("reading Traefik's CPU time: %w", err)
		}
		first, _, _ := strings.Cut(string(text), " ")
		running, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("reading Traefik's CPU time: %w", err)
		}
		sum += time.Duration(running)
	}
	return sum, nil
}
