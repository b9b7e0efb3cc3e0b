package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// badGateway is in the error line of a request that no upstream has answered. A
// test that kills a node or has it break its connections expects it, and no
// other test does.
const badGateway = `"status":502`

// faultsOfStockCaddy has what Caddy 2.11.9 gets wrong by itself: each has parts
// that are all in what the log says of it.
var faultsOfStockCaddy = [][]string{
	// encode ends the reply of a request that has become a WebSocket.
	{"on hijacked connection from github.com/caddyserver/caddy/v2/modules/caddyhttp/encode."},
	// reverse_proxy copies itself for each request, while a reload, and the last
	// WebSocket after it, note in it when to close the WebSockets.
	{"DATA RACE", "reverseproxy.(*Handler).cleanupConnections()"},
	{"DATA RACE", "reverseproxy.(*Handler).registerConnection.func"},
}

// expecting returns a host like this one whose log may have error lines with one
// of these parts.
func (c caddy) expecting(parts ...string) caddy {
	c.expects = slices.Concat(c.expects, parts)
	return c
}

// assertQuietCaddy checks that a log of Caddy's tells of no error, panic or data
// race, but for errors with one of the expected parts and what stock Caddy gets
// wrong by itself.
func assertQuietCaddy(t *testing.T, log string, expects []string) {
	t.Helper()
	const most = 5 // to report, as one may be in the log a thousand times
	problems := caddyProblems(log, expects)
	for _, problem := range problems[:min(most, len(problems))] {
		assert.Fail(t, "caddy logged "+problem.what, "%.4000s", problem.said)
	}
}

// killed is what the shell says that Caddy is tethered to, when a test kills it.
const killed = "Killed\n"

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
		stock := slices.ContainsFunc(faultsOfStockCaddy, func(parts []string) bool {
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
			if strings.HasSuffix(line, "\n") && line != killed {
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

func TestCaddyProblems(t *testing.T) {
	const race, ended = "==================\nWARNING: DATA RACE\n", "==================\n"
	for _, tc := range []struct{ name, log, want string }{
		{"information", `{"level":"info","msg":"serving initial configuration"}` + "\n", ""},
		{"a warning", `{"level":"warn","msg":"a tag that none of the upstreams has"}` + "\n", ""},
		{"an error", `{"level":"error","logger":"http.log.error","msg":"EOF","status":500}` + "\n", "an error"},
		{"an expected error", `{"level":"error","logger":"http.log.error","msg":"EOF","status":502}` + "\n", ""},
		{"a panic of a handler", `{"level":"error","logger":"http.stdlib","msg":"http: panic serving 127.0.0.1:1: oh"}` + "\n", "a panic or a misused reply"},
		{"a second status", `{"level":"debug","logger":"http.stdlib","msg":"http: superfluous response.WriteHeader call"}` + "\n", "a panic or a misused reply"},
		{"encode", `{"level":"debug","msg":"http: response.WriteHeader on hijacked connection from github.com/caddyserver/caddy/v2/modules/caddyhttp/encode.(*responseWriter).Close"}` + "\n", ""},
		{"a crash", "panic: runtime error\n", "what is no line of its own"},
		{"a race", race + "Write at 0x1 by goroutine 1:\n  caddy.(*Handler).learn()\n" + ended, "a data race"},
		{"a race of stock Caddy", race + "  reverseproxy.(*Handler).cleanupConnections()\n  reverseproxy.(*Handler).finalizeResponse()\n" + ended, ""},
		{"half a line", `{"level":"error","msg":"E`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			problems := caddyProblems(`{"level":"info"}`+"\n"+tc.log, []string{badGateway})
			if tc.want == "" {
				assert.Empty(t, problems)
			} else if assert.Len(t, problems, 1) {
				assert.Equal(t, tc.want, problems[0].what)
			}
		})
	}
}
