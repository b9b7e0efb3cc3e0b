package traefik

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const (
	polling = "EIO=4&transport=polling"
	cookie  = "server_id"
	value   = "0123456789abcdef"
)

// balancer is the rest of Traefik as the middleware sees it: a load balancer that
// sets a sticky cookie in the response unless the request has a valid one, and a
// server.
type balancer struct {
	cookies  []string
	server   http.HandlerFunc
	received *http.Request
	writer   http.ResponseWriter
}

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.received, b.writer = r, w
	for _, name := range b.cookies {
		if got, err := r.Cookie(name); err != nil || got.Value != value {
			w.Header().Add("Set-Cookie", name+"="+value+"; Path=/")
		}
	}
	if b.server != nil {
		b.server(w, r)
		return
	}
	_, _ = w.Write([]byte(`0{"sid":"abc"}`))
}

func newAffinity(tb testing.TB, next http.Handler, change func(*Config)) http.Handler {
	tb.Helper()
	config := CreateConfig()
	config.CookieNames = []string{cookie}
	if change != nil {
		change(config)
	}
	handler, err := New(context.Background(), next, config, "io@file")
	if err != nil {
		tb.Fatal(err)
	}
	return handler
}

func get(handler http.Handler, query string, headers http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?"+query, http.NoBody)
	if headers != nil {
		r.Header = headers
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestHandshakeGetsTheStickyCookieAsItsTag(t *testing.T) {
	cases := []struct {
		name    string
		change  func(*Config)
		headers http.Header
		body    string
		cookies string // the Set-Cookie lines, joined
	}{
		{name: "set by Traefik", body: `0{"sid":"` + value + `.abc"}`},
		{
			name: "of the request, with ExposeCookie", headers: http.Header{"Cookie": {"a=1; server_id=" + value}}, body: `0{"sid":"` + value + `.abc"}`,
			change: func(c *Config) { c.ExposeCookie = true },
		},
		{name: "set by Traefik instead of an invalid one", headers: http.Header{"Cookie": {"server_id=gone"}}, body: `0{"sid":"` + value + `.abc"}`},
		{
			name: "set by Traefik and passed to the client, with ExposeCookie", body: `0{"sid":"` + value + `.abc"}`, cookies: "server_id=" + value + "; Path=/",
			change: func(c *Config) { c.ExposeCookie = true },
		},
		{
			name: "of each level", body: `0{"sid":"` + value + "." + value + `.abc"}`,
			change: func(c *Config) { c.CookieNames = []string{"outer", "inner"} },
		},
		{
			name: "not with sid off", body: `0{"sid":"abc"}`, cookies: "server_id=" + value + "; Path=/",
			change: func(c *Config) { c.SID = "off" },
		},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			config := Config{CookieNames: []string{cookie}}
			if tc.change != nil {
				tc.change(&config)
			}
			next := &balancer{cookies: config.CookieNames}
			w := get(newAffinity(t, next, tc.change), polling, tc.headers)
			if w.Body.String() != tc.body {
				t.Errorf("body %q, want %q", w.Body.String(), tc.body)
			}
			if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != tc.cookies {
				t.Errorf("Set-Cookie %q, want %q", got, tc.cookies)
			}
		})
	}
}

func TestHandshakeRequestsNoCompression(t *testing.T) {
	next := &balancer{cookies: []string{cookie}}
	get(newAffinity(t, next, nil), polling, http.Header{"Accept-Encoding": {"gzip, br"}})
	if got := next.received.Header.Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding %q", got)
	}
}

func TestLaterRequestGetsTheCookie(t *testing.T) {
	next := &balancer{cookies: []string{cookie}}
	handler := newAffinity(t, next, func(c *Config) { c.ExposeCookie = true })
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions, http.MethodConnect} {
		r := httptest.NewRequest(http.MethodGet, "/socket.io/?"+polling+"&sid="+value+".abc&t=1", http.NoBody)
		r.Method = method
		r.Header.Set("Cookie", `a="1"; server_id=other; b=2`)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if next.writer != http.ResponseWriter(w) {
			t.Errorf("%s: the writer is wrapped", method)
		}
		if got, want := next.received.Header.Get("Cookie"), "server_id="+value+`; a="1"; b=2`; got != want {
			t.Errorf("%s: Cookie %q, want %q", method, got, want)
		}
		if got, want := next.received.URL.RawQuery, polling+"&sid=abc&t=1"; got != want || next.received.RequestURI != "/socket.io/?"+want {
			t.Errorf("%s: RawQuery %q, RequestURI %q, want %q", method, got, next.received.RequestURI, want)
		}
	}
}

func TestNestedLoadBalancers(t *testing.T) {
	next := &balancer{cookies: []string{"outer", "inner"}}
	handler := newAffinity(t, next, func(c *Config) { c.CookieNames = []string{"outer", "inner"} })
	const o, i = "000000000000000a", "000000000000000b"
	get(handler, polling+"&sid="+o+"."+i+".abc", nil)
	if got := next.received.Header.Get("Cookie"); got != "inner="+i+"; outer="+o {
		t.Errorf("Cookie %q", got)
	}
	spaced := newAffinity(t, next, func(c *Config) { c.CookieNames = []string{"outer", " inner"} })
	get(spaced, polling+"&sid="+o+"."+i+".abc", nil)
	if got := next.received.Header.Get("Cookie"); got != "inner="+i+"; outer="+o {
		t.Errorf("Cookie %q for a name with a leading space", got)
	}
	get(handler, polling+"&sid="+o+".abc", nil)
	if got := next.received.Header.Get("Cookie"); got != "" || next.received.URL.RawQuery != polling+"&sid="+o+".abc" {
		t.Errorf("Cookie %q, RawQuery %q for a tag of too few levels", got, next.received.URL.RawQuery)
	}
}

func TestOtherRequestsPassUnchanged(t *testing.T) {
	for _, query := range []string{
		"", "page=1", "sid=" + value + ".abc", // not Engine.IO
		polling + "&sid=abc", polling + "&sid=b!d.abc", polling + "&sid=0123456789abcde.abc", polling + "&sid=0123456789ABCDEF.abc",
		polling + "&sid=eyJhbGciOiJIUzI1NiJ9.eyJpZCI6MX0.c2lnbmF0dXJl", polling + "&sid=" + value + "." + strings.Repeat("x", 257), polling + "&sid=" + value + "%2Eabc",
		polling + "&sid=" + strings.Repeat("x", 65) + ".abc", polling + "&sid=a.b&sid=c.d",
		polling + "&sid=a%3B%20evil%3D1.abc", polling + "&sid=" + value + ".",
		"EIO=3&transport=polling&sid=" + value + ".abc", "EIO=2&transport=polling",
		"EIO=4&transport=websocket", "EIO=3&transport=websocket",
	} {
		next := &balancer{}
		get(newAffinity(t, next, nil), query, http.Header{"Cookie": {"a=1"}, "Accept-Encoding": {"br"}})
		if next.received.URL.RawQuery != query || next.received.Header.Get("Cookie") != "a=1" || next.received.Header.Get("Accept-Encoding") != "br" {
			t.Errorf("%q became %q, with %v", query, next.received.URL.RawQuery, next.received.Header)
		}
		w := get(newAffinity(t, next, func(c *Config) { c.ExposeCookie = true }), query, nil)
		named := strings.Contains(query, "sid=") || !strings.Contains(query, "EIO=")
		if named && next.writer != http.ResponseWriter(w) {
			t.Errorf("%q: the writer is wrapped", query)
		}
	}
}

func TestFailedHandshakePassesUnchanged(t *testing.T) {
	next := &balancer{cookies: []string{cookie}, server: func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadGateway)
		_, _ = w.Write([]byte("Bad Gateway"))
	}}
	w := get(newAffinity(t, next, nil), polling, nil)
	if w.Code != http.StatusBadGateway || w.Body.String() != "Bad Gateway" {
		t.Errorf("got %d %q, %v", w.Code, w.Body.String(), w.Header())
	}
}

func TestInvalidStickyCookieIsNotUsedAsTag(t *testing.T) {
	for _, made := range []string{"a.b", "abc", value + "0", "http://10.0.0.1:3000", strings.ToUpper(value)} {
		next := &balancer{}
		w := get(newAffinity(t, next, func(c *Config) { c.ExposeCookie = true }), polling, http.Header{"Cookie": {cookie + "=" + made}})
		if w.Body.String() != `0{"sid":"abc"}` {
			t.Errorf("body %q for %q", w.Body.String(), made)
		}
	}
}

func TestIncompleteHandshakePassesUnchanged(t *testing.T) {
	next := &balancer{cookies: []string{cookie}, server: func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`0{"sid":"ab`))
		panic(http.ErrAbortHandler)
	}}
	handler := newAffinity(t, next, nil)
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the middleware recovered from the panic")
			}
		}()
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/?"+polling, http.NoBody))
	}()
	if w.Body.String() != `0{"sid":"ab` {
		t.Errorf("body %q", w.Body.String())
	}
}

func TestNewReturnsErrors(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no cookie names", func(c *Config) { c.CookieNames = nil }, "cookieNames is empty"},
		{"an empty cookie name", func(c *Config) { c.CookieNames = []string{""} }, `cookieNames has ""`},
		{"a bad cookie name", func(c *Config) { c.CookieNames = []string{"a;b"} }, `cookieNames has "a;b"`},
		{"a cookie name twice", func(c *Config) { c.CookieNames = []string{"a", "a"} }, `cookieNames has "a" twice`},
		{"too many cookie names", func(c *Config) { c.CookieNames = strings.Split("a,b,c,d,e,f,g,h,i", ",") }, "cookieNames has 9 names"},
		{"no learned sessions", func(c *Config) { c.MaxSessions = 0 }, "maxSessions 0"},
		{"a negative number of learned sessions", func(c *Config) { c.MaxSessions = -1 }, "maxSessions -1"},
		{"an unknown sid mode", func(c *Config) { c.SID = "sticky" }, `unknown sid mode "sticky"`},
		{"an unknown option", func(c *Config) { c.Unknown = map[string]interface{}{"cookieName": "a"} }, "unknown option cookieName"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			config := CreateConfig()
			config.CookieNames = []string{cookie}
			tc.change(config)
			_, err := New(context.Background(), &balancer{}, config, "io@file")
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "io@file") {
				t.Errorf("New = %v, want %q of io@file", err, tc.want)
			}
		})
	}
}
