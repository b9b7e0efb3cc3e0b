package core

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// headerSafe reports whether s has no byte that could end a header field, a cookie
// or a field of a log line.
func headerSafe(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"\\,;<>", r)
	})
}

// FuzzParseRequest checks for any query that the parsed values are parts of it,
// that the tag is safe in a header, and that Unbind removes the tag and no other
// byte.
func FuzzParseRequest(f *testing.F) {
	for _, query := range []string{
		"EIO=4&transport=polling&t=x", "EIO=4&transport=polling&sid=T.abc", "EIO=3&sid=abc&sid=def",
		"sid=T%2Eabc&EIO=4", "EIO=4&sid=T.\r\nabc", "EIO=4&sid=.", "&&EIO=&sid", "xsid=T.a&EIO=4&sid=T.T.a",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		req, isEngineIO := ParseRequest(query)
		if !isEngineIO {
			return
		}
		if !strings.Contains(query, req.SID) || !strings.Contains(query, req.Transport) {
			t.Fatalf("%+v is not a part of %q", req, query)
		}
		tag := req.Tag(oneLetterTags(1))
		if tag != "" && !oneLetterTags(1).Valid(tag) || !headerSafe(tag) || !headerSafe(PrintableRaw(req.SID)) {
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
		if !isWithout(r.URL.RawQuery, query, tag+Separator) || !strings.HasPrefix(sid, req.SID[len(tag)+1:]) {
			t.Fatalf("%q became %q", query, r.URL.RawQuery)
		}
		if r.RequestURI != "/?"+r.URL.RawQuery {
			t.Fatalf("%q became %q, but the RequestURI %q", query, r.URL.RawQuery, r.RequestURI)
		}
	})
}

// isWithout reports whether got is query without the prefix after one "sid=".
func isWithout(got, query, prefix string) bool {
	from := 0
	for {
		i := strings.Index(query[from:], "sid="+prefix)
		if i < 0 {
			return false
		}
		from += i + len("sid=")
		if got == query[:from]+query[from+len(prefix):] {
			return true
		}
	}
}

// FuzzSplit checks that Split is the inverse of Bind for every valid tag and
// session ID, and returns no invalid tag.
func FuzzSplit(f *testing.F) {
	f.Add("T", "abc")
	f.Add("", "a.b.c")
	f.Add("a\r\nb", "%2e")
	f.Fuzz(func(t *testing.T, tag, sid string) {
		gotTag, gotSID, bound := Split(Bind(tag, sid), oneLetterTags(1))
		want := oneLetterTags(1).Valid(tag) && sid != "" && withinMaxSID(sid)
		if want && (!bound || gotTag != tag || gotSID != sid) {
			t.Fatalf("Split(Bind(%q, %q)) = %q, %q, %v", tag, sid, gotTag, gotSID, bound)
		}
		if bound && (!oneLetterTags(1).Valid(gotTag) || !headerSafe(gotTag) || Bind(gotTag, gotSID) != Bind(tag, sid)) {
			t.Fatalf("Split(%q) = %q, %q", Bind(tag, sid), gotTag, gotSID)
		}
	})
}

// FuzzBindOpenPacket checks that removing the tag restores the body, and that a
// body without an open packet is returned byte for byte.
func FuzzBindOpenPacket(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File))
	}
	f.Add([]byte(`0{"x":"😀","sid":"\u0061"}` + "\x1e4x"))
	f.Add([]byte(`___eio[0]("\u0030{\"\ud83d\ude00\":1,\"sid\":\"a\"}");`))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := string(body)
		bound, sid, ok := bindOpenPacket(body, testTag)
		if string(body) != before {
			t.Fatal("the slice of the caller was changed")
		}
		if !ok {
			if string(bound) != before || sid != "" {
				t.Fatalf("%q became %q", before, bound)
			}
			return
		}
		packet, ok := findOpenPacket(bound)
		if !ok || packet.SID != Bind(testTag, sid) {
			// With the tag, the session ID may exceed the limit.
			if len(sid) > maxSID-len(testTag)-len(Separator) {
				return
			}
			t.Fatalf("%q became %q, in which the sid is %q", before, bound, packet.SID)
		}
		if got := unbound(bound, packet); got != before {
			t.Fatalf("%q became %q, unbound %q", before, bound, got)
		}
	})
}

// unbound removes the tag with plain slicing.
func unbound(bound []byte, packet openPacket) string {
	prefix := testTag + Separator
	s := string(bound[:packet.sidOffset]) + string(bound[packet.sidOffset+len(prefix):])
	if packet.digits.present() {
		length := packet.digits.append(nil, packet.length-len(prefix))
		s = s[:packet.digits.start] + string(length) + s[packet.digits.end:]
	}
	return s
}

// FuzzHandshakeRewriter checks that the client receives the result of
// bindOpenPacket, or the unchanged response, in whatever pieces it is written.
func FuzzHandshakeRewriter(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File), 200, 7, true)
	}
	f.Add([]byte("hello"), 200, 1, false)
	f.Add([]byte(openBody), 404, 1, true)
	f.Fuzz(func(t *testing.T, body []byte, status, piece int, flush bool) {
		if status < 200 || status > 599 || status == http.StatusNoContent || status == http.StatusNotModified ||
			piece < 1 || len(body) > maxBuffered {
			return // no valid response, or one without a body, or one that is not buffered
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
			want, _, _ = bindOpenPacket(body, testTag)
		}
		if w.Code != status || !bytes.Equal(w.Body.Bytes(), want) {
			t.Fatalf("got %d %q, want %d %q", w.Code, w.Body.Bytes(), status, want)
		}
	})
}

// FuzzRequestCookies checks for any Cookie header that DropCookie removes that
// cookie and no byte of the others, and that UnprefixCookie removes the tag that
// SplitCookieValue returns.
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
			return // DropCookie does not process so many
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
		UnprefixCookie(header, "srv", oneLetterTags(1))
		if got := cookies(header); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Fatalf("%q: unprefixed, others are %q, want %q", lines, got, want)
		}
		value := CookieValue(newHeader(), "srv")
		if tag, prefixed := SplitCookieValue(value, oneLetterTags(1)); prefixed {
			if !headerSafe(tag) || !oneLetterTags(1).Valid(tag) {
				t.Fatalf("%q: tag %q", lines, tag)
			}
			if got := CookieValue(header, "srv"); got != strings.Trim(value[len(tag)+1:], " \t") {
				t.Fatalf("%q: unprefixed %q, want %q", lines, got, value[len(tag)+1:])
			}
		}
	})
}
