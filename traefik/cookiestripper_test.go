package traefik

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var testCookies = &strippedCookies{names: []string{"srv", "grp"}}

func TestCookieStripper(t *testing.T) {
	cases := []struct {
		name      string
		respond   func(*cookieStripper)
		status    int
		minStatus int
		want      string // the Set-Cookie lines, joined
	}{
		{"a status", func(w *cookieStripper) { w.WriteHeader(200) }, 200, 0, "a=1"},
		{"a body without a status", func(w *cookieStripper) { write(w, "x") }, 200, 0, "a=1"},
		{"a flush without a status", func(w *cookieStripper) { w.Flush() }, 200, 0, "a=1"},
		{"an error", func(w *cookieStripper) { w.WriteHeader(502) }, 502, 0, "a=1"},
		{"a success, with a minimum status", func(w *cookieStripper) { w.WriteHeader(200) }, 200, 400, "srv=T; Path=/|a=1|grp=U"},
		{"an error, with a minimum status", func(w *cookieStripper) { w.WriteHeader(404) }, 404, 400, "a=1"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			stripper := &cookieStripper{ResponseWriter: w, cookies: &strippedCookies{names: testCookies.names, minStatus: tc.minStatus}}
			w.Header()["Set-Cookie"] = []string{"srv=T; Path=/", "a=1", "grp=U"}
			tc.respond(stripper)
			if got := strings.Join(w.Result().Header["Set-Cookie"], "|"); got != tc.want || w.Code != tc.status || !stripper.passing && !stripper.streaming {
				t.Errorf("%d with Set-Cookie %q, passing %v, want %d with %q", w.Code, got, stripper.passing, tc.status, tc.want)
			}
		})
	}
}

// A retry middleware discards an error that was written, but not one that was
// flushed.
func TestCookieStripperFlushes(t *testing.T) {
	cases := []struct {
		name         string
		status       int
		fields       http.Header
		header, body bool // flushed after the header, and after a part of the body
	}{
		{"no length", 200, http.Header{"Content-Type": {"text/plain"}}, true, true},
		{"no length and no type", 200, http.Header{}, false, true},
		{"a length", 200, http.Header{"Content-Length": {"2"}}, false, false},
		{"an error without a length", 502, http.Header{"Content-Type": {"text/plain"}}, false, false},
	}
	for _, tc := range cases {
		w := httptest.NewRecorder()
		for name, lines := range tc.fields {
			w.Header()[name] = lines
		}
		stripper := &cookieStripper{ResponseWriter: w, cookies: testCookies}
		stripper.WriteHeader(tc.status)
		flushed := w.Flushed
		write(stripper, "ab")
		if flushed != tc.header || w.Flushed != tc.body || w.Body.String() != "ab" {
			t.Errorf("%s: flushed %v, then %v, want %v, %v", tc.name, flushed, w.Flushed, tc.header, tc.body)
		}
	}
}

func TestHeadStripper(t *testing.T) {
	const first = "HTTP/1.1 101 Switching Protocols\r\n"
	cases := []struct{ name, response, want string }{
		{"cookies", first + "Set-Cookie: srv=T; Path=/\r\nA: b\r\nset-cookie:grp=U\r\nSet-Cookie: a=srv\r\n\r\nbody", first + "A: b\r\nSet-Cookie: a=srv\r\n\r\nbody"},
		{"no cookies", first + "A: b\r\n\r\n", first + "A: b\r\n\r\n"},
		{"no fields", first + "\r\n", first + "\r\n"},
		{"a body like a head", first + "\r\nSet-Cookie: srv=T\r\n\r\n", first + "\r\nSet-Cookie: srv=T\r\n\r\n"},
		{"a head without an end", first + strings.Repeat("x", maxHead), first + strings.Repeat("x", maxHead)},
	}
	for _, tc := range cases {
		for _, size := range []int{1, 7, len(tc.response)} {
			if size == 1 && len(tc.response) > 1000 {
				continue
			}
			var got bytes.Buffer
			w := &headStripper{next: bufio.NewWriter(&got), cookies: testCookies}
			for rest := tc.response; rest != ""; {
				part := rest
				if len(part) > size {
					part = part[:size]
				}
				if n, err := io.WriteString(w, part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
				rest = rest[len(part):]
			}
			if got.String() != tc.want {
				t.Errorf("%s, %d bytes at a time: %.200q, want %.200q", tc.name, size, got.String(), tc.want)
			}
		}
	}
}

func write(w http.ResponseWriter, s string) {
	if n, err := w.Write([]byte(s)); err != nil || n != len(s) {
		panic("the writer returned an error, or wrote too little")
	}
}
