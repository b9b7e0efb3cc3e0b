package testbed

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// BadGateway is in the error line of a request that no upstream has answered.
// Tests that kill a node or have it break connections expect it; no other test
// does.
const BadGateway = `"status":502`

// knownCaddyFaults has what Caddy 2.11.9 gets wrong without this module: for
// each fault, parts that its log entry has.
var knownCaddyFaults = [][]string{
	// encode closes the reply to a request that has become a WebSocket.
	{"on hijacked connection from github.com/caddyserver/caddy/v2/modules/caddyhttp/encode."},
	// reverse_proxy copies itself for each request, while a reload and the last
	// WebSocket after it write to it when to close the WebSockets.
	{"DATA RACE", "reverseproxy.(*Handler).cleanupConnections()"},
	{"DATA RACE", "reverseproxy.(*Handler).registerConnection.func"},
}

// assertCaddyLogClean checks that a log of Caddy has no error, panic or data
// race, except errors with one of the expected parts and faults of Caddy
// itself.
func assertCaddyLogClean(t *testing.T, log string, expects []string) {
	t.Helper()
	const most = 5 // to report: one may be in the log a thousand times
	problems := caddyProblems(log, expects)
	for _, problem := range problems[:min(most, len(problems))] {
		assert.Fail(t, "caddy logged "+problem.what, "%.4000s", problem.entry)
	}
}

// caddyProblem is an entry of Caddy's log that reports a problem.
type caddyProblem struct {
	what, entry string
}

// caddyProblems returns the problems in a log.
func caddyProblems(log string, expects []string) []caddyProblem {
	var problems []caddyProblem
	for _, entry := range caddyEntries(log) {
		what := caddyFault(entry)
		expected := what == "an error" && slices.ContainsFunc(expects, func(part string) bool { return strings.Contains(entry, part) })
		known := slices.ContainsFunc(knownCaddyFaults, func(parts []string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(entry, part) })
		})
		if what != "" && !expected && !known {
			problems = append(problems, caddyProblem{what, entry})
		}
	}
	return problems
}

// caddyEntries splits a log into lines, but keeps a report of the race detector
// together. It leaves out a last line that is incomplete because Caddy was
// killed.
func caddyEntries(log string) []string {
	const fence = "==================\n"
	var entries []string
	for i, part := range strings.Split(log, fence) {
		if i%2 == 1 {
			entries = append(entries, part)
			continue
		}
		for line := range strings.Lines(part) {
			if strings.HasSuffix(line, "\n") {
				entries = append(entries, line)
			}
		}
	}
	return entries
}

// caddyFault names the problem that an entry reports, if any.
func caddyFault(entry string) string {
	var line struct{ Level, Msg string }
	if json.Unmarshal([]byte(entry), &line) != nil {
		if strings.Contains(entry, "DATA RACE") {
			return "a data race"
		}
		return "an unknown line" // probably of the Go runtime
	}
	for _, sign := range []string{"panic", "superfluous", "hijacked"} {
		if strings.Contains(strings.ToLower(line.Msg), sign) {
			return "a panic or a misused reply"
		}
	}
	if slices.Contains([]string{"error", "dpanic", "panic", "fatal"}, line.Level) {
		return "an error"
	}
	return ""
}
