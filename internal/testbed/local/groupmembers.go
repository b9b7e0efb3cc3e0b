package local

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// PIDs returns the IDs of the program's processes, to read their CPU time and memory:
// those of its process group, without the shell that supervises it. It needs Linux.
func (p *Process) PIDs() ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (name) state parent group …; the name may have any character.
		before, name, found := bytes.Cut(text, []byte(" ("))
		end := bytes.LastIndexByte(name, ')')
		if !found || end < 0 {
			continue
		}
		const group = 2
		fields := strings.Fields(string(name[end+1:]))
		if len(fields) <= group || fields[group] != strconv.Itoa(p.PID()) || slices.Contains([]string{"sh", "cat"}, string(name[:end])) {
			continue
		}
		pid, err := strconv.Atoi(string(before))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		pids = append(pids, pid)
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("%s has ended, or this is not Linux", p.Name)
	}
	return pids, nil
}
