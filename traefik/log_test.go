package traefik

import (
	"bytes"
	"log"
	"net/http"
	"strings"
	"testing"
)

// logged returns what a call logs.
func logged(call func()) string {
	var lines bytes.Buffer
	before := log.Writer()
	log.SetOutput(&lines)
	defer log.SetOutput(before)
	call()
	return lines.String()
}

func TestMissingStickyCookieIsLoggedOncePerMiddleware(t *testing.T) {
	lines := logged(func() {
		for i := 0; i < 2; i++ {
			handler := newAffinity(t, fixed(200, nil, `0{"sid":"new"}`), nil)
			for j := 0; j < 3; j++ {
				get(handler, polling, nil)
			}
		}
	})
	if strings.Count(lines, "the session is not pinned") != 2 || strings.Count(lines, "\n") != 2 {
		t.Errorf("logged %q, want one line for each of two", lines)
	}
}

func TestMissingLevelIsLoggedOnce(t *testing.T) {
	lines := logged(func() {
		handler := newAffinity(t, fixed(200, []string{"outer=" + value}, `0{"sid":"new"}`), func(c *Config) { c.CookieNames = []string{"outer", "inner"} })
		for i := 0; i < 3; i++ {
			get(handler, polling, nil)
		}
	})
	if strings.Count(lines, `sets no sticky cookie "inner"`) != 1 || strings.Count(lines, "\n") != 1 {
		t.Errorf("logged %q", lines)
	}
}

func TestDuplicateCookieIsLoggedOnce(t *testing.T) {
	lines := logged(func() {
		handler := newAffinity(t, fixed(200, []string{cookie + "=" + value, cookie + "=abc"}, `0{"sid":"abc"}`), nil)
		for i := 0; i < 3; i++ {
			get(handler, polling, nil)
		}
	})
	if strings.Count(lines, `sets the cookie "server_id" twice`) != 1 || strings.Count(lines, "\n") != 1 {
		t.Errorf("logged %q", lines)
	}
}

// Each warning is logged once, so a client must not be able to trigger one.
func TestClientCannotTriggerWarnings(t *testing.T) {
	for _, expose := range []bool{false, true} {
		lines := logged(func() {
			next := &balancer{cookies: []string{cookie}}
			handler := newAffinity(t, next, func(c *Config) { c.ExposeCookie = expose })
			for _, made := range []string{"", "a.b", strings.Repeat("x", 5000), value, value + "0"} {
				get(handler, polling, http.Header{"Cookie": {cookie + "=" + made}})
				get(handler, polling3, http.Header{"Cookie": {cookie + "=" + made}})
			}
		})
		if lines != "" {
			t.Errorf("exposed %v: logged %q", expose, lines)
		}
	}
}

func TestMiddlewareTwiceInAChain(t *testing.T) {
	cases := []struct {
		name, open, sid string // sid is the one that the client receives
		reply           http.HandlerFunc
		change          func(*Config)
	}{
		{"a tagged session", polling, value + ".abc", nil, nil},
		{"a learned session", polling3, "twice", handshake3("twice"), nil},
		{"a session with an exposed cookie", polling, value + "." + value + ".abc", nil, func(c *Config) { c.ExposeCookie = true }},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			next := &balancer{cookies: []string{cookie}, server: tc.reply}
			var body string
			lines := logged(func() {
				chain := newAffinity(t, newNamed(t, "inner@file", next, tc.change), tc.change)
				body = get(chain, tc.open, nil).Body.String()
				for _, query := range []string{"&sid=" + tc.sid, "&sid=" + tc.sid + "&shop=1"} {
					w := get(chain, tc.open+query, http.Header{"Cookie": {"a=1"}})
					got, err := next.received.Cookie(cookie)
					if err != nil || got.Value != value || !strings.Contains(next.received.URL.RawQuery, "sid="+tc.sid[strings.LastIndex(tc.sid, ".")+1:]) {
						t.Errorf("%s: Traefik receives %q with %v", query, next.received.URL.RawQuery, next.received.Header)
					}
					if set := w.Header()["Set-Cookie"]; len(set) > 0 {
						t.Errorf("%s: Set-Cookie %q", query, set)
					}
				}
			})
			if !strings.Contains(body, `"sid":"`+tc.sid+`"`) {
				t.Errorf("body %q", body)
			}
			if lines != "" {
				t.Errorf("logged %q", lines)
			}
		})
	}
}
