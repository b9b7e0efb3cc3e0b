package traefik

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/eio-affinity/affinity/core"
)

// openPacket is an open packet as a stock server writes it.
const openPacket = `0{"sid":"rYvVOSuxstMYwaX_AAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

// newHandshake returns a function that sends a handshake poll to a server behind
// the middleware and Traefik's load balancer, which sets the sticky cookie. The
// server sets a length, which the middleware removes on the fast path only. If known
// is set, a server at the path has opened a session before.
func newHandshake(tb testing.TB, known bool) func(w http.ResponseWriter, respond func(http.ResponseWriter)) {
	tb.Helper()
	var server func(http.ResponseWriter)
	handler := newAffinity(tb, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Header().Add("Set-Cookie", cookie+"="+value+"; Path=/")
		server(w)
	}), nil)
	serve := func(w http.ResponseWriter, respond func(http.ResponseWriter)) {
		server = respond
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket.io/?"+polling, http.NoBody))
	}
	return func(w http.ResponseWriter, respond func(http.ResponseWriter)) {
		if known {
			serve(httptest.NewRecorder(), func(w http.ResponseWriter) { write(w, openPacket) })
		}
		serve(w, respond)
	}
}

// rewriteHandshake returns what [core.HandshakeRewriter] makes of the same
// response without the sticky cookie.
func rewriteHandshake(t *testing.T, respond func(http.ResponseWriter)) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	rewriter := core.NewHandshakeRewriter(w, func(http.Header, core.Handshake) string { return value })
	rewriter.Header().Set("Content-Length", "1000")
	respond(rewriter)
	if _, err := rewriter.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestHandshakeOnTheFastPath(t *testing.T) {
	for _, setCookies := range [][]string{nil, {"mine=1"}, {"mine=1", cookie + "=other"}} {
		w := httptest.NewRecorder()
		newHandshake(t, true)(w, func(w http.ResponseWriter) {
			w.Header().Set("X-Node", "a")
			w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], setCookies...)
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
		})
		if want := strings.Replace(openPacket, `"r`, `"`+value+".r", 1); w.Code != http.StatusOK || w.Body.String() != want || w.Flushed {
			t.Errorf("got %d %q, flushed %v, want %q", w.Code, w.Body.String(), w.Flushed, want)
		}
		header := w.Header()
		if header.Get("Content-Length") != "" && setCookies == nil || header.Get("X-Node") != "a" {
			t.Errorf("header %v", header)
		}
		if got := header["Set-Cookie"]; len(setCookies) == 0 && got != nil || len(setCookies) > 0 && (len(got) != 1 || got[0] != "mine=1") {
			t.Errorf("Set-Cookie %q of a server that sets %q", got, setCookies)
		}
	}
}

func TestHandshakeOnTheFastPathWithOptions(t *testing.T) {
	sticky := cookie + "=" + value + "; Path=/"
	cases := []struct {
		name   string
		set    []string
		change func(*Config)
		tag    string
		left   string // the Set-Cookie lines, joined
	}{
		{"no sticky cookie", nil, nil, "", ""},
		{"an invalid sticky cookie", []string{cookie + "=x; Path=/"}, nil, "", ""},
		{"an exposed cookie", []string{sticky}, func(c *Config) { c.ExposeCookie = true }, value + ".", sticky},
		{"an exposed cookie and another", []string{sticky, "mine=1"}, func(c *Config) { c.ExposeCookie = true }, value + ".", sticky + "|mine=1"},
		{"two levels", []string{sticky, "inner=" + value}, func(c *Config) { c.CookieNames = []string{cookie, "inner"} }, value + "." + value + ".", ""},
		{"a missing level", []string{sticky}, func(c *Config) { c.CookieNames = []string{cookie, "inner"} }, value + "..", ""},
	}
	for _, tc := range cases {
		w := get(newAffinity(t, fixed(http.StatusOK, tc.set, openPacket), tc.change), polling, nil)
		if want := strings.Replace(openPacket, `"r`, `"`+tc.tag+"r", 1); w.Body.String() != want {
			t.Errorf("%s: body %q, want %q", tc.name, w.Body.String(), want)
		}
		if got := strings.Join(w.Header()["Set-Cookie"], "|"); got != tc.left {
			t.Errorf("%s: Set-Cookie %q, want %q", tc.name, got, tc.left)
		}
	}
}

func TestHandshakeOnTheSlowPath(t *testing.T) {
	cases := []struct {
		name    string
		respond func(http.ResponseWriter)
	}{
		{"no response", func(http.ResponseWriter) {}},
		{"no body", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }},
		{"an error", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadRequest); write(w, openPacket) }},
		{"no status", func(w http.ResponseWriter) { write(w, openPacket) }},
		{"a status after the body", func(w http.ResponseWriter) {
			write(w, "x")
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
		}},
		{"two statuses", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			w.WriteHeader(http.StatusTeapot)
			write(w, openPacket)
		}},
		{"a status and an open packet, twice", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
		}},
		{"another open packet", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			write(w, `0{"x":1,"sid":"a"}`)
		}},
		{"no open packet", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); write(w, "hello") }},
		{"two pieces", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
			write(w, "\x1e40")
		}},
		{"an open packet after another packet", func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusOK)
			write(w, "2")
			write(w, openPacket)
		}},
		{"a compressed body", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusOK)
			write(w, openPacket)
		}},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			for _, known := range []bool{false, true} {
				w := httptest.NewRecorder()
				newHandshake(t, known)(w, tc.respond)
				want := rewriteHandshake(t, tc.respond)
				if w.Code != want.Code || w.Body.String() != want.Body.String() {
					t.Errorf("known path %v: got %d %q, want %d %q", known, w.Code, w.Body.String(), want.Code, want.Body.String())
				}
				if known { // net/http adds both as well
					for _, name := range []string{"Content-Length", "Content-Type"} {
						delete(want.Header(), name)
						delete(w.Header(), name)
					}
				}
				if !reflect.DeepEqual(w.Header(), want.Header()) {
					t.Errorf("known path %v: header %v, want %v", known, w.Header(), want.Header())
				}
			}
		})
	}
}

func TestIncompleteHandshakeIsFlushed(t *testing.T) {
	cases := []struct {
		name    string
		respond func(http.ResponseWriter)
		body    string
		flushed bool
	}{
		{"no response", func(http.ResponseWriter) {}, "", false},
		{"no body", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }, "", true},
		{"an open packet", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); write(w, openPacket) }, openPacket, true},
		{"a part of one", func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK); write(w, openPacket[:9]) }, openPacket[:9], true},
	}
	for _, known := range []bool{false, true} {
		for _, tc := range cases {
			w := httptest.NewRecorder()
			func() {
				defer func() {
					if recover() == nil {
						t.Errorf("%s: the middleware recovered from the panic", tc.name)
					}
				}()
				newHandshake(t, known)(w, func(w http.ResponseWriter) {
					tc.respond(w)
					panic(http.ErrAbortHandler)
				})
			}()
			if w.Body.String() != tc.body || w.Flushed != tc.flushed {
				t.Errorf("%s, known path %v: body %q, flushed %v, want %q, %v", tc.name, known, w.Body.String(), w.Flushed, tc.body, tc.flushed)
			}
			if got := w.Header()["Set-Cookie"]; tc.flushed && len(got) > 0 {
				t.Errorf("%s, known path %v: Set-Cookie %q", tc.name, known, got)
			}
		}
	}
}

// statuses is a writer that records each status.
type statuses struct {
	*httptest.ResponseRecorder
	written []int
}

func (s *statuses) WriteHeader(status int) {
	s.written = append(s.written, status)
	if status >= http.StatusOK {
		s.ResponseRecorder.WriteHeader(status)
	}
}

func TestHandshakePassesEarlyHintsAtOnce(t *testing.T) {
	w := &statuses{ResponseRecorder: httptest.NewRecorder()}
	newHandshake(t, false)(w, func(http.ResponseWriter) {})
	if len(w.written) != 0 {
		t.Fatalf("statuses %v of no response", w.written)
	}
	newHandshake(t, false)(w, func(rw http.ResponseWriter) {
		rw.WriteHeader(http.StatusEarlyHints)
		if len(w.written) != 1 || w.written[0] != http.StatusEarlyHints || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("statuses %v, Set-Cookie %q, want only early hints", w.written, w.Header()["Set-Cookie"])
		}
		rw.WriteHeader(http.StatusOK)
		write(rw, "hello")
	})
	if len(w.written) != 2 || w.written[1] != http.StatusOK || w.Body.String() != "hello" {
		t.Errorf("statuses %v, body %q", w.written, w.Body.String())
	}
}

// A recorder keeps an informational status, and not the next one.
func TestPathWithEarlyHintsIsNotKnown(t *testing.T) {
	next := &balancer{cookies: []string{cookie}}
	handler := newAffinity(t, next, nil)
	for i := 0; i < 3; i++ {
		w := &statuses{ResponseRecorder: httptest.NewRecorder()}
		next.server = func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(http.StatusEarlyHints)
			rw.WriteHeader(http.StatusOK)
			write(rw, openPacket)
		}
		handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket.io/?"+polling, http.NoBody))
		if len(w.written) != 2 || !strings.HasSuffix(w.Body.String(), openPacket[20:]) {
			t.Errorf("statuses %v, body %q", w.written, w.Body.String())
		}
	}
}

// FuzzHandshake checks that the middleware and [core.HandshakeRewriter] make the
// same of any response to a handshake, in whatever pieces it is written.
func FuzzHandshake(f *testing.F) {
	f.Add(openPacket, 200, 1000)
	f.Add(openPacket, 200, 50)
	f.Add(openPacket, 400, 1000)
	f.Add(openPacket+"\x1e40", 200, len(openPacket))
	f.Add(`0{"sid":"a"}`, 200, 1000)
	serve := newHandshake(f, true)
	f.Fuzz(func(t *testing.T, body string, status, size int) {
		if size < 1 || status < 200 || status > 599 || status == http.StatusNoContent || status == http.StatusNotModified {
			return // not a valid response, or one without a body
		}
		respond := func(w http.ResponseWriter) {
			w.WriteHeader(status)
			for rest := body; rest != ""; {
				part := rest
				if len(part) > size {
					part = part[:size]
				}
				write(w, part)
				rest = rest[len(part):]
			}
		}
		w := httptest.NewRecorder()
		serve(w, respond)
		want := rewriteHandshake(t, respond)
		if w.Code != want.Code || w.Body.String() != want.Body.String() || len(w.Header()["Set-Cookie"]) > 0 {
			t.Fatalf("got %d %q, want %d %q; header %v", w.Code, w.Body.String(), want.Code, want.Body.String(), w.Header())
		}
	})
}
