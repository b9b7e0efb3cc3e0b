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

// CountLogged counts the lines of the log that have all of the parts.
func (r *RunningTraefik) CountLogged(parts ...string) int {
	count := 0
	for line := range strings.Lines(r.Log.String()) {
		var said logLine
		_ = json.Unmarshal([]byte(line), &said)
		lacks := func(part string) bool { return !strings.Contains(said.text(), part) }
		if !slices.ContainsFunc(parts, lacks) {
			count++
		}
	}
	return count
}

// assertTraefikLogClean checks that a log of Traefik's has no line that tells of an
// error, but for those with one of the expected parts.
func assertTraefikLogClean(t *testing.T, log *output, expects []string) {
	t.Helper()
	for line := range strings.Lines(log.String()) {
		var said logLine
		bad := true // what is not one of its own lines is a panic's
		if json.Unmarshal([]byte(line), &said) == nil {
			bad = slices.Contains([]string{"error", "fatal", "panic"}, said.Level)
		}
		// What net/http has to complain of is for debugging, to Traefik.
		for _, sign := range []string{"panic", "hijack", "superfluous"} {
			bad = bad || strings.Contains(strings.ToLower(said.text()), sign)
		}
		expected := func(part string) bool { return strings.Contains(line, part) }
		assert.False(t, bad && !slices.ContainsFunc(expects, expected), "traefik logged: %s", line)
	}
}
