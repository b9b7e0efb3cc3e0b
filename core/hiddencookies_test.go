package core

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

var hiddenTest = &HiddenCookies{Names: []string{"srv", "grp"}}

func TestHidingWriter(t *testing.T) {
	cases := []struct {
		name   string
		reply  func(*HidingWriter)
		status int
		from   int
		want   string // Set-Cookie, joined
	}{
		{"a reply", func(w *HidingWriter) { w.WriteHeader(200) }, 200, 0, "a=1"},
		{"a body alone", func(w *HidingWriter) { write(w, "x") }, 200, 0, "a=1"},
		{"a flush alone", func(w *HidingWriter) { w.Flush() }, 200, 0, "a=1"},
		{"an error", func(w *HidingWriter) { w.WriteHeader(502) }, 502, 0, "a=1"},
		{"a reply that may have them", func(w *HidingWriter) { w.WriteHeader(200) }, 200, 400, "srv=T; Path=/|a=1|grp=U"},
		{"an error that may not", func(w *HidingWriter) { w.WriteHeader(404) }, 404, 400, "a=1"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			hiding := &HidingWriter{ResponseWriter: w, Cookies: &HiddenCookies{Names: hiddenTest.Names, From: tc.from}}
			w.Header()["Set-Cookie"] = []string{"srv=T; Path=/", "a=1", "grp=U"}
			tc.reply(hiding)
			if got := strings.Join(w.Result().Header["Set-Cookie"], "|"); got != tc.want || w.Code != tc.status || !hiding.Begun {
				t.Errorf("%d with Set-Cookie %q, begun %v, want %d with %q", w.Code, got, hiding.Begun, tc.status, tc.want)
			}
		})
	}
}

// A host that tries again drops an error, but not a flush, which would end the
// reply for good.
func TestHidingWriterFlushes(t *testing.T) {
	cases := []struct {
		name         string
		status       int
		header       http.Header
		first, after bool // flushed after the headers, and after some of the body
	}{
		{"a reply of unknown length", 200, http.Header{"Content-Type": {"text/plain"}}, true, true},
		{"one of unknown type too", 200, http.Header{}, false, true},
		{"not one of known length", 200, http.Header{"Content-Length": {"2"}}, false, false},
		{"not an error", 502, http.Header{"Content-Type": {"text/plain"}}, false, false},
	}
	for _, tc := range cases {
		w := httptest.NewRecorder()
		for name, lines := range tc.header {
			w.Header()[name] = lines
		}
		hiding := &HidingWriter{ResponseWriter: w, Cookies: hiddenTest}
		hiding.WriteHeader(tc.status)
		first := w.Flushed
		write(hiding, "ab")
		if first != tc.first || w.Flushed != tc.after || w.Body.String() != "ab" {
			t.Errorf("%s: flushed %v, then %v, want %v, %v", tc.name, first, w.Flushed, tc.first, tc.after)
		}
	}
}

func TestHidingHead(t *testing.T) {
	const first = "HTTP/1.1 101 Switching Protocols\r\n"
	cases := []struct{ name, reply, want string }{
		{"a head", first + "Set-Cookie: srv=T; Path=/\r\nA: b\r\nset-cookie:grp=U\r\nSet-Cookie: a=srv\r\n\r\nbody", first + "A: b\r\nSet-Cookie: a=srv\r\n\r\nbody"},
		{"no cookie", first + "A: b\r\n\r\n", first + "A: b\r\n\r\n"},
		{"no fields", first + "\r\n", first + "\r\n"},
		{"a body that looks like a head", first + "\r\nSet-Cookie: srv=T\r\n\r\n", first + "\r\nSet-Cookie: srv=T\r\n\r\n"},
		{"a head without an end", first + strings.Repeat("x", maxHead), first + strings.Repeat("x", maxHead)},
	}
	for _, tc := range cases {
		for _, size := range []int{1, 7, len(tc.reply)} {
			if size == 1 && len(tc.reply) > 1000 {
				continue
			}
			var got bytes.Buffer
			w := &hidingHead{next: bufio.NewWriter(&got), cookies: hiddenTest}
			for rest := tc.reply; rest != ""; {
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
