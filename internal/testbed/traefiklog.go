package testbed

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// logLine is a line of Traefik's log.
type logLine struct {
	Level, Error, Message string
}

func (l logLine) text() string { return l.Error + " " + l.Message }

// RequireLogged waits for a line of the log that has all of the parts.
func (r *RunningTraefik) RequireLogged(t *testing.T, parts ...string) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("%s logs %q", r.Name, parts), func() bool {
		r.RequireRunning(t)
		return r.CountLogged(parts...) > 0
	})
}

// CountLogged returns how many lines of the log have all of the parts.
func (r *RunningTraefik) CountLogged(parts ...string) int {
	count := 0
	for line := range strings.Lines(r.Output.String()) {
		var entry logLine
		_ = json.Unmarshal([]byte(line), &entry)
		lacks := func(part string) bool { return !strings.Contains(entry.text(), part) }
		if !slices.ContainsFunc(parts, lacks) {
			count++
		}
	}
	return count
}

// assertTraefikLogClean checks that a log of Traefik has no error, except lines
// with one of the expected parts.
func assertTraefikLogClean(t *testing.T, log string, expects []string) {
	t.Helper()
	for line := range strings.Lines(log) {
		var entry logLine
		bad := true // a line that is not JSON is from a panic
		if json.Unmarshal([]byte(line), &entry) == nil {
			bad = slices.Contains([]string{"error", "fatal", "panic"}, entry.Level)
		}
		// Traefik logs the messages of net/http at the level DEBUG.
		for _, sign := range []string{"panic", "hijack", "superfluous"} {
			bad = bad || strings.Contains(strings.ToLower(entry.text()), sign)
		}
		expected := func(part string) bool { return strings.Contains(line, part) }
		assert.False(t, bad && !slices.ContainsFunc(expects, expected), "traefik logged: %s", line)
	}
}
