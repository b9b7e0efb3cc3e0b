package traefik

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// polling3 opens a session of Engine.IO 3.
const polling3 = "EIO=3&transport=polling"

// handshake3 returns a server that opens a session of Engine.IO 3 with this ID.
func handshake3(sid string) func(http.ResponseWriter, *http.Request) {
	packet := `0{"sid":"` + sid + `"}`
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(strconv.Itoa(len(packet)) + ":" + packet))
	}
}

// newNamed returns a middleware with this name.
func newNamed(t *testing.T, name string, next http.Handler, change func(*Config)) http.Handler {
	t.Helper()
	config := CreateConfig()
	config.CookieNames = next.(*balancer).cookies
	if change != nil {
		change(config)
	}
	handler, err := New(context.Background(), next, config, name)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func TestEngineIO3SessionIsLearned(t *testing.T) {
	next := &balancer{cookies: []string{cookie}, server: handshake3("abc")}
	handler := newNamed(t, "learns@file", next, nil)
	w := get(handler, polling3, http.Header{"Accept-Encoding": {"gzip"}})
	if got := w.Body.String(); got != `14:0{"sid":"abc"}` {
		t.Errorf("body %q: the session ID was changed", got)
	}
	if cookies := w.Header()["Set-Cookie"]; len(cookies) > 0 {
		t.Errorf("Set-Cookie %q, want none", cookies)
	}
	if got := next.received.Header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding %q", got)
	}

	for _, query := range []string{"&sid=abc", "&sid=%61bc", "&sid=abc&t=1"} {
		get(handler, polling3+query, http.Header{"Cookie": {"a=1; server_id=other"}})
		if got, want := next.received.Header.Get("Cookie"), "server_id="+value+"; a=1"; got != want || next.received.URL.RawQuery != polling3+query {
			t.Errorf("%q: Cookie %q, want %q; query %q", query, got, want, next.received.URL.RawQuery)
		}
	}
	get(handler, polling3+"&sid=abd", http.Header{"Cookie": {"a=1"}})
	if got := next.received.Header.Get("Cookie"); got != "a=1" {
		t.Errorf("Cookie %q for an unknown session", got)
	}
}

func TestLearnedSessionsSurviveAConfigurationChange(t *testing.T) {
	next := &balancer{cookies: []string{"outer", "inner"}, server: handshake3("abc")}
	get(newNamed(t, "again@file", next, nil), polling3, nil)

	get(newNamed(t, "again@file", next, func(c *Config) { c.MaxSessions = 7 }), polling3+"&sid=abc", nil)
	if got, want := next.received.Header.Get("Cookie"), "inner="+value+"; outer="+value; got != want {
		t.Errorf("Cookie %q, want %q", got, want)
	}
	get(newNamed(t, "another@file", next, nil), polling3+"&sid=abc", nil)
	if got := next.received.Header.Get("Cookie"); got != "" {
		t.Errorf("Cookie %q from the table of another middleware", got)
	}
	three := &balancer{cookies: []string{"a", "b", "c"}}
	get(newNamed(t, "again@file", three, nil), polling3+"&sid=abc", nil)
	if got := three.received.Header.Get("Cookie"); got != "" {
		t.Errorf("Cookie %q after a change of the number of levels", got)
	}
}

func TestFullTableEvictsTheOldestSession(t *testing.T) {
	next := &balancer{cookies: []string{cookie}}
	handler := newNamed(t, "full@file", next, func(c *Config) {
		c.SID = "learn"
		c.MaxSessions = 2
	})
	for _, sid := range []string{"a", "b", "c"} {
		next.server = handshake3(sid)
		get(handler, polling3, nil)
	}
	var known []string
	for _, sid := range []string{"a", "b", "c"} {
		if get(handler, polling3+"&sid="+sid, nil); next.received.Header.Get("Cookie") != "" {
			known = append(known, sid)
		}
	}
	if got := strings.Join(known, ""); got != "bc" {
		t.Errorf("the learned sessions are %q", got)
	}
}
