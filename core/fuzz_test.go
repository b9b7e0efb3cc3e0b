package core

import (
	"bufio"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// headerSafe reports whether s can stand in a header field, a cookie or a log
// line and end none of them.
func headerSafe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"\\,;<>", r)
	})
}

// FuzzParseRequest: whatever a client writes, what is read from it is a part of
// it, the tag is safe in a header, and unbinding takes away that tag and no
// other byte.
func FuzzParseRequest(f *testing.F) {
	for _, query := range []string{
		"EIO=4&transport=polling&t=x", "EIO=4&transport=polling&sid=T.abc", "EIO=3&sid=abc&sid=def",
		"sid=T%2Eabc&EIO=4", "EIO=4&sid=T.\r\nabc", "EIO=4&sid=.", "&&EIO=&sid", "xsid=T.a&EIO=4&sid=T.T.a",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		req, ours := ParseRequest(query)
		if !ours {
			return
		}
		if !strings.Contains(query, req.SID) || !strings.Contains(query, req.Transport) {
			t.Fatalf("%+v is not of %q", req, query)
		}
		tag := req.Tag(letters(1))
		if tag != "" && !letters(1).Valid(tag) || !headerSafe(tag) || !headerSafe(PrintableRaw(req.SID)) {
			t.Fatalf("tag %q, sid %q: not safe", tag, PrintableRaw(req.SID))
		}

		r := &http.Request{URL: &url.URL{Path: "/", RawQuery: query}, RequestURI: "/?" + query}
		sid := req.Unbind(r, tag)
		if tag == "" {
			if r.URL.RawQuery != query || r.RequestURI != "/?"+query {
				t.Fatalf("%q became %q", query, r.URL.RawQuery)
			}
			return
		}
		if !isWithout(r.URL.RawQuery, query, tag+separator) || !strings.HasPrefix(sid, req.SID[len(tag)+1:]) {
			t.Fatalf("%q became %q", query, r.URL.RawQuery)
		}
		if r.RequestURI != "/?"+r.URL.RawQuery {
			t.Fatalf("%q became %q, but the RequestURI %q", query, r.URL.RawQuery, r.RequestURI)
		}
	})
}

// isWithout reports whether got is query without the mark behind one "sid=".
func isWithout(got, query, mark string) bool {
	from := 0
	for {
		i := strings.Index(query[from:], "sid="+mark)
		if i < 0 {
			return false
		}
		from += i + len("sid=")
		if got == query[:from]+query[from+len(mark):] {
			return true
		}
	}
}

// FuzzSplit: Split undoes Bind for every valid tag and session ID, and never
// makes a tag of anything else.
func FuzzSplit(f *testing.F) {
	f.Add("T", "abc")
	f.Add("", "a.b.c")
	f.Add("a\r\nb", "%2e")
	f.Fuzz(func(t *testing.T, tag, sid string) {
		gotTag, gotSID, bound := Split(Bind(tag, sid), letters(1))
		want := letters(1).Valid(tag) && sid != "" && fits(sid)
		if want && (!bound || gotTag != tag || gotSID != sid) {
			t.Fatalf("Split(Bind(%q, %q)) = %q, %q, %v", tag, sid, gotTag, gotSID, bound)
		}
		if bound && (!letters(1).Valid(gotTag) || !headerSafe(gotTag) || Bind(gotTag, gotSID) != Bind(tag, sid)) {
			t.Fatalf("Split(%q) = %q, %q", Bind(tag, sid), gotTag, gotSID)
		}
	})
}

// FuzzBindOpenPacket: unbinding what was bound gives the body back, and a body
// that is not bound comes back byte for byte.
func FuzzBindOpenPacket(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File))
	}
	f.Add([]byte(`0{"x":"😀","sid":"\u0061"}` + "\x1e4x"))
	f.Add([]byte(`___eio[0]("\u0030{\"\ud83d\ude00\":1,\"sid\":\"a\"}");`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		bound, sid, ok := BindOpenPacket(body, testTag)
		if string(body) != before {
			t.Fatal("the body itself was changed")
		}
		if !ok {
			if string(bound) != before || sid != "" {
				t.Fatalf("%q became %q", before, bound)
			}
			return
		}
		packet, ok := findOpenPacket(bound)
		if !ok || packet.SID != Bind(testTag, sid) {
			// The one thing that can keep a bound packet from being one.
			if len(sid) > maxSID-len(testTag)-len(separator) {
				return
			}
			t.Fatalf("%q became %q, in which the sid is %q", before, bound, packet.SID)
		}
		if got := unbound(bound, packet); got != before {
			t.Fatalf("%q became %q, unbound %q", before, bound, got)
		}
	})
}

// unbound takes a tag off again, in the simplest way.
func unbound(bound []byte, packet openPacket) string {
	mark := testTag + separator
	s := string(bound[:packet.sidAt]) + string(bound[packet.sidAt+len(mark):])
	if packet.digits.present() {
		length := packet.digits.append(nil, packet.length-len(mark))
		s = s[:packet.digits.at] + string(length) + s[packet.digits.end:]
	}
	return s
}

// FuzzHandshakeRewriter: however a reply is cut into pieces, the client gets what
// BindOpenPacket makes of it, or the reply itself.
func FuzzHandshakeRewriter(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File), 200, 7, true)
	}
	f.Add([]byte("hello"), 200, 1, false)
	f.Add([]byte(openBody), 404, 1, true)
	f.Fuzz(func(t *testing.T, body []byte, status, piece int, flush bool) {
		if status < 200 || status > 599 || status == http.StatusNoContent || status == http.StatusNotModified ||
			piece < 1 || len(body) > maxOpen {
			return // no reply, or one without a body, or one that is not held back
		}
		w := httptest.NewRecorder()
		rewriter := NewHandshakeRewriter(w, always(testTag))
		rewriter.WriteHeader(status)
		for rest := body; len(rest) > 0; {
			n := piece
			if n > len(rest) {
				n = len(rest)
			}
			if _, err := rewriter.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			if flush {
				rewriter.Flush()
			}
			rest = rest[n:]
		}
		if _, err := rewriter.Close(); err != nil {
			t.Fatal(err)
		}
		want := body
		if status == http.StatusOK {
			want, _, _ = BindOpenPacket(body, testTag)
		}
		if w.Code != status || !bytes.Equal(w.Body.Bytes(), want) {
			t.Fatalf("got %d %q, want %d %q", w.Code, w.Body.Bytes(), status, want)
		}
	})
}

// FuzzRequestCookies: whatever a client's Cookie header holds, dropping a cookie
// drops that one and no other byte of the others, and what a node's value was
// prefixed with comes off again.
func FuzzRequestCookies(f *testing.F) {
	for _, tc := range requestCookies {
		f.Add(strings.Join(tc.lines, "\n"))
	}
	f.Fuzz(func(t *testing.T, lines string) {
		newHeader := func() http.Header { return http.Header{"Cookie": strings.Split(lines, "\n")} }
		cookies := func(header http.Header) (others []string) {
			for _, line := range header["Cookie"] {
				for _, cookie := range strings.Split(line, ";") {
					if cookieName(cookie) != "srv" {
						others = append(others, strings.TrimLeft(cookie, " \t"))
					}
				}
			}
			return others
		}
		if strings.Count(lines, ";")+strings.Count(lines, "\n") >= maxCookies {
			return // of so many, none is looked at
		}
		header := newHeader()
		DropCookie(header, "srv")
		want, got := cookies(newHeader()), cookies(header)
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%q: left %q, want %q", lines, got, want)
		}
		for _, line := range header["Cookie"] {
			for _, cookie := range strings.Split(line, ";") {
				if cookieName(cookie) == "srv" {
					t.Fatalf("%q: left %q", lines, header["Cookie"])
				}
			}
		}

		header = newHeader()
		UnprefixCookie(header, "srv", letters(1))
		if got := cookies(header); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%q: unprefixed, others are %q, want %q", lines, got, want)
		}
		value := CookieValue(newHeader(), "srv")
		if tag, prefixed := SplitCookie(value, letters(1)); prefixed {
			if !headerSafe(tag) || !letters(1).Valid(tag) {
				t.Fatalf("%q: tag %q", lines, tag)
			}
			if got := CookieValue(header, "srv"); got != strings.Trim(value[len(tag)+1:], " \t") {
				t.Fatalf("%q: unprefixed %q, want %q", lines, got, value[len(tag)+1:])
			}
		}
	})
}

// FuzzHidingHead: however a reply comes in pieces, what is handed on is it
// without the cookies, and nothing else is missing.
func FuzzHidingHead(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 x\r\nSet-Cookie: srv=T\r\nA: b\r\nset-cookie:a=srv\r\n\r\nbody"), 3)
	f.Add([]byte("HTTP/1.1 101 x\r\nSet-Cookie : grp=T\r\n\r\n"), 100)
	f.Fuzz(func(t *testing.T, reply []byte, size int) {
		if size < 1 || len(reply) > 4096 {
			return
		}
		handedOn := func(size int) string {
			var got bytes.Buffer
			w := &hidingHead{next: bufio.NewWriter(&got), cookies: hiddenTest}
			for rest := reply; len(rest) > 0; {
				part := rest
				if len(part) > size {
					part = part[:size]
				}
				if n, err := w.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
				rest = rest[len(part):]
			}
			return got.String()
		}
		whole := handedOn(len(reply) + 1)
		if pieces := handedOn(size); pieces != whole {
			t.Fatalf("%q became %q in pieces, and %q at once", reply, pieces, whole)
		}
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(whole)), nil)
		if err != nil {
			return
		}
		_ = res.Body.Close()
		for _, name := range hiddenTest.Names {
			if len(SetCookieValues(res.Header, name)) > 0 {
				t.Fatalf("%q became %q, which sets %s", reply, whole, name)
			}
		}
	})
}
