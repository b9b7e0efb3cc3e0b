package traefik

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// fixed sends the same response to every request.
func fixed(status int, cookies []string, body string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, line := range cookies {
			w.Header().Add("Set-Cookie", line)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})
}

// engineIO has a request of each kind.
var engineIO = []struct{ name, method, query, upgrade string }{
	{"a handshake", http.MethodGet, polling, ""},
	{"a handshake of Engine.IO 3", http.MethodGet, polling3, ""},
	{"a handshake of an unknown version", http.MethodGet, "EIO=9&transport=polling", ""},
	{"a handshake over WebSocket", http.MethodGet, "EIO=4&transport=websocket", "websocket"},
	{"a handshake with a long query", http.MethodGet, polling + "&x=" + strings.Repeat("x", 8<<10), ""},
	{"a handshake for servers that use the first of two session IDs", http.MethodGet, polling + "&sid=&sid=abc", ""},
	{"a handshake for servers that use the last of two session IDs", http.MethodGet, polling + "&sid=" + value + ".abc&sid=", ""},
	{"a poll", http.MethodGet, polling + "&sid=" + value + ".abc", ""},
	{"a poll with a parameter of the application", http.MethodGet, "shop=1&" + polling + "&sid=" + value + ".abc&Auth=x", ""},
	{"a post", http.MethodPost, polling + "&sid=" + value + ".abc", ""},
	{"an upgrade", http.MethodGet, "EIO=4&transport=websocket&sid=" + value + ".abc", "websocket"},
	{"a preflight", http.MethodOptions, polling + "&sid=" + value + ".abc", ""},
	{"a preflight of a handshake", http.MethodOptions, polling, ""},
	{"a poll of an unknown session", http.MethodGet, polling + "&sid=abc", ""},
	{"a poll of an unknown session of Engine.IO 3", http.MethodGet, polling3 + "&sid=abc", ""},
}

func send(handler http.Handler, method, query, upgrade string, headers http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/socket.io/?"+query, http.NoBody)
	for name, lines := range headers {
		r.Header[name] = lines
	}
	if upgrade != "" {
		r.Header.Set("Upgrade", upgrade)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestNoEngineIOResponseSetsTheStickyCookie(t *testing.T) {
	set := []string{cookie + "=" + value + "; Path=/", "mine=1", cookie + "=other"}
	for _, tc := range engineIO {
		for _, status := range []int{200, 204, 304, 400, 404, 502, 503} {
			body := `0{"sid":"abc"}`
			if status == 204 || status == 304 {
				body = ""
			}
			w := send(newAffinity(t, fixed(status, set, body), nil), tc.method, tc.query, tc.upgrade, nil)
			if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != "mine=1" || w.Code != status {
				t.Errorf("%s: %d with Set-Cookie %q, want %d with %q", tc.name, w.Code, got, status, "mine=1")
			}
		}
	}
	silent := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header()["Set-Cookie"] = set })
	for _, tc := range engineIO {
		w := send(newAffinity(t, silent, nil), tc.method, tc.query, tc.upgrade, nil)
		if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != "mine=1" {
			t.Errorf("%s without a response: Set-Cookie %q", tc.name, got)
		}
	}
}

func TestOtherResponsesKeepTheStickyCookie(t *testing.T) {
	set := cookie + "=" + value + "; Path=/"
	w := get(newAffinity(t, fixed(200, []string{set}, "a page"), nil), "page=1", nil)
	if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != set {
		t.Errorf("Set-Cookie %q", got)
	}
}

func TestFailedHandshakeDoesNotSetAnExposedCookie(t *testing.T) {
	expose := func(c *Config) { c.ExposeCookie = true }
	set := cookie + "=" + value + "; Path=/"
	for _, tc := range engineIO {
		opens := strings.Contains(tc.name, "a handshake") && !strings.Contains(tc.name, "for servers")
		for _, status := range []int{200, 502} {
			w := send(newAffinity(t, fixed(status, []string{set}, `0{"sid":"abc"}`), expose), tc.method, tc.query, tc.upgrade, nil)
			want := set
			if opens && status == 502 {
				want = ""
			}
			if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != want {
				t.Errorf("%s: %d with Set-Cookie %q, want %q", tc.name, status, got, want)
			}
		}
	}
}

func TestHandshakeLosesTheStickyCookieOfTheClient(t *testing.T) {
	for _, tc := range engineIO {
		if !strings.HasPrefix(tc.name, "a handshake") {
			continue
		}
		for sent, want := range map[string]string{
			cookie + "=" + value:                    "",
			"a=1; " + cookie + "=" + value + ";b=2": "a=1;b=2",
			"x" + cookie + "=1":                     "x" + cookie + "=1",
		} {
			next := &balancer{cookies: []string{cookie}}
			send(newAffinity(t, next, nil), tc.method, tc.query, tc.upgrade, http.Header{"Cookie": {sent}})
			if got := next.received.Header.Get("Cookie"); got != want {
				t.Errorf("%s with Cookie %q: Traefik receives %q, want %q", tc.name, sent, got, want)
			}
			send(newAffinity(t, next, func(c *Config) { c.ExposeCookie = true }), tc.method, tc.query, tc.upgrade, http.Header{"Cookie": {sent}})
			if got := next.received.Header.Get("Cookie"); got != sent {
				t.Errorf("%s with an exposed Cookie %q: Traefik receives %q", tc.name, sent, got)
			}
		}
	}
}

// A client cannot choose the server of its session.
func TestHandshakeIgnoresTheStickyCookieOfTheClient(t *testing.T) {
	w := get(newAffinity(t, fixed(200, nil, `0{"sid":"abc"}`), nil), polling, http.Header{"Cookie": {cookie + "=" + value}})
	if w.Body.String() != `0{"sid":"abc"}` {
		t.Errorf("body %q", w.Body.String())
	}
}

func TestSIDOffDisablesTheMiddleware(t *testing.T) {
	set := cookie + "=" + value + "; Path=/"
	for _, tc := range engineIO {
		next := &balancer{cookies: []string{cookie}, server: fixed(502, nil, "").ServeHTTP}
		w := send(newAffinity(t, next, func(c *Config) { c.SID = "off" }), tc.method, tc.query, tc.upgrade, http.Header{"Cookie": {"a=1; server_id=gone"}})
		if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != set || next.writer != http.ResponseWriter(w) ||
			next.received.Header.Get("Cookie") != "a=1; server_id=gone" || next.received.URL.RawQuery != tc.query {
			t.Errorf("%s: Set-Cookie %q, Cookie %q", tc.name, got, next.received.Header.Get("Cookie"))
		}
	}
}

func TestFirstCookieOfTheNameIsTraefiks(t *testing.T) {
	const other = "fedcba9876543210"
	w := get(newAffinity(t, fixed(200, []string{cookie + "=" + value + "; Path=/", cookie + "=" + other}, `0{"sid":"abc"}`), nil), polling, nil)
	if want := `0{"sid":"` + value + `.abc"}`; w.Body.String() != want {
		t.Errorf("body %q, want %q", w.Body.String(), want)
	}
	// The value of Engine.IO's own cookie is the session ID.
	w = get(newAffinity(t, fixed(200, []string{cookie + "=" + value + "; Path=/", cookie + "=abc; HttpOnly"}, `0{"sid":"abc"}`), nil), polling, nil)
	if want := `0{"sid":"` + value + `.abc"}`; w.Body.String() != want {
		t.Errorf("body %q, want %q", w.Body.String(), want)
	}
}

func TestMissingLevelIsEmptyInTheTag(t *testing.T) {
	levels := func(c *Config) { c.CookieNames = []string{"outer", "inner"} }
	for _, tc := range []struct{ name, set, sid, pinned string }{
		{"a child without a sticky cookie", "outer", value + "..abc", "outer=" + value + "; a=1"},
		{"a service that is not behind the outer one", "inner", "." + value + ".abc", "inner=" + value + "; a=1"},
	} {
		handler := newAffinity(t, fixed(200, []string{tc.set + "=" + value + "; Path=/"}, `0{"sid":"abc"}`), levels)
		w := get(handler, polling, nil)
		if want := `0{"sid":"` + tc.sid + `"}`; w.Body.String() != want || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: %q, want %q; Set-Cookie %q", tc.name, w.Body.String(), want, w.Header()["Set-Cookie"])
		}
		next := &balancer{}
		for _, query := range []string{polling + "&sid=" + tc.sid, "shop=1&" + polling + "&sid=" + tc.sid, "EIO=4&sid=" + tc.sid + "&x=" + strings.Repeat("x", 8<<10)} {
			get(newAffinity(t, next, levels), query, http.Header{"Cookie": {"outer=x; a=1; inner=y"}})
			if got := next.received.Header.Get("Cookie"); got != tc.pinned || !strings.Contains(next.received.URL.RawQuery, "sid=abc") {
				t.Errorf("%s: Cookie %q, want %q; query %.60q", tc.name, got, tc.pinned, next.received.URL.RawQuery)
			}
		}
	}
}
