package testbed

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// BadGateway is in the error line of a request that no upstream has answered. A
// test that kills a node or has it break its connections expects it, and no
// other test does.
const BadGateway = `"status":502`

// knownCaddyFaults has what Caddy 2.11.9 gets wrong by itself: each has parts
// that are all in what the log says of it.
var knownCaddyFaults = [][]string{
	// encode ends the reply of a request that has become a WebSocket.
	{"on hijacked connection from github.com/caddyserver/caddy/v2/modules/caddyhttp/encode."},
	// reverse_proxy copies itself for each request, while a reload, and the last
	// WebSocket after it, note in it when to close the WebSockets.
	{"DATA RACE", "reverseproxy.(*Handler).cleanupConnections()"},
	{"DATA RACE", "reverseproxy.(*Handler).registerConnection.func"},
}

// assertCaddyLogClean checks that a log of Caddy's tells of no error, panic or data
// race, but for errors with one of the expected parts and what stock Caddy gets
// wrong by itself.
func assertCaddyLogClean(t *testing.T, log string, expects []string) {
	t.Helper()
	const most = 5 // to report, as one may be in the log a thousand times
	problems := caddyProblems(log, expects)
	for _, problem := range problems[:min(most, len(problems))] {
		assert.Fail(t, "caddy logged "+problem.what, "%.4000s", problem.said)
	}
}

// killedLine is what the shell says that Caddy is tethered to, when a test kills it.
const killedLine = "Killed\n"

// caddyProblem is an entry of Caddy's log that tells of something wrong.
type caddyProblem struct {
	what, said string
}

// caddyProblems returns what is wrong by a log.
func caddyProblems(log string, expects []string) []caddyProblem {
	var problems []caddyProblem
	for _, said := range caddyEntries(log) {
		what := caddyFault(said)
		expected := what == "an error" && slices.ContainsFunc(expects, func(part string) bool { return strings.Contains(said, part) })
		stock := slices.ContainsFunc(knownCaddyFaults, func(parts []string) bool {
			return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(said, part) })
		})
		if what != "" && !expected && !stock {
			problems = append(problems, caddyProblem{what, said})
		}
	}
	return problems
}

// caddyEntries splits a log into its lines, but keeps together what the race
// detector says at once. A line that Caddy was ended in is left out.
func caddyEntries(log string) []string {
	const fence = "==================\n"
	var entries []string
	for i, part := range strings.Split(log, fence) {
		if i%2 == 1 {
			entries = append(entries, part)
			continue
		}
		for line := range strings.Lines(part) {
			if strings.HasSuffix(line, "\n") && line != killedLine {
				entries = append(entries, line)
			}
		}
	}
	return entries
}

// caddyFault names what an entry tells of, if it is something wrong.
func caddyFault(said string) string {
	var line struct{ Level, Msg string }
	if json.Unmarshal([]byte(said), &line) != nil {
		if strings.Contains(said, "DATA RACE") {
			return "a data race"
		}
		return "what is no line of its own" // but the runtime's
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
