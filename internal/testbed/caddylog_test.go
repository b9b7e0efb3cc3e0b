package testbed

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyProblems(t *testing.T) {
	const race, ended = "==================\nWARNING: DATA RACE\n", "==================\n"
	for _, tc := range []struct{ name, log, want string }{
		{"information", `{"level":"info","msg":"serving initial configuration"}` + "\n", ""},
		{"a warning", `{"level":"warn","msg":"a tag that no upstream has"}` + "\n", ""},
		{"an error", `{"level":"error","logger":"http.log.error","msg":"EOF","status":500}` + "\n", "an error"},
		{"an expected error", `{"level":"error","logger":"http.log.error","msg":"EOF","status":502}` + "\n", ""},
		{"a panic of a handler", `{"level":"error","logger":"http.stdlib","msg":"http: panic serving 127.0.0.1:1: oh"}` + "\n", "a panic or a misused reply"},
		{"a second status", `{"level":"debug","logger":"http.stdlib","msg":"http: superfluous response.WriteHeader call"}` + "\n", "a panic or a misused reply"},
		{"encode", `{"level":"debug","msg":"http: response.WriteHeader on hijacked connection from github.com/caddyserver/caddy/v2/modules/caddyhttp/encode.(*responseWriter).Close"}` + "\n", ""},
		{"a crash", "panic: runtime error\n", "an unknown line"},
		{"a race", race + "Write at 0x1 by goroutine 1:\n  caddy.(*Handler).learn()\n" + ended, "a data race"},
		{"a race of stock Caddy", race + "  reverseproxy.(*Handler).cleanupConnections()\n  reverseproxy.(*Handler).finalizeResponse()\n" + ended, ""},
		{"half a line", `{"level":"error","msg":"E`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			problems := caddyProblems(`{"level":"info"}`+"\n"+tc.log, []string{BadGateway})
			if tc.want == "" {
				assert.Empty(t, problems)
			} else if assert.Len(t, problems, 1) {
				assert.Equal(t, tc.want, problems[0].what)
			}
		})
	}
}
