package core

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// fastPathRequests are requests, and the patterns that must match them.
var fastPathRequests = []struct {
	name, query string
	bound       bool
	handshake   bool
	anyParams   bool // bound, but matched by BoundPatternAnyParams only
}{
	{name: "a poll of engine.io-client", query: "EIO=4&transport=polling&t=sax6fk6i&sid=T.abc", bound: true},
	{name: "an upgrade of engine.io-client", query: "EIO=4&transport=websocket&sid=T.abc", bound: true},
	{name: "a poll of python-engineio", query: "transport=polling&EIO=4&sid=T.abc&t=1.2", bound: true},
	{name: "a poll with parameters of the application", query: "token=sid=x&EIO=4&transport=polling&sid=T.a-b%2Bc&b64=1", bound: true},
	{name: "a handshake of engine.io-client", query: "EIO=4&transport=polling&t=sax6fk6i", handshake: true},
	{name: "a handshake with parameters of the application", query: "token=x&EIO=4&a=b&transport=polling", handshake: true},
	{name: "a poll with a parameter that begins with an s", query: "shop=1&EIO=4&transport=polling&sid=T.abc&s", anyParams: true},
	{name: "a poll with parameters that begin like EIO and sid", query: "si=1&E=1&EI&EIO&sid&sidebar=1&EIO=4&EIOU=1&transport=polling&&sid=T.abc&sessionToken=x&SID=x", anyParams: true},
	{name: "a poll with parameters that begin with upper-case letters", query: "Auth=x&EIO=4&transport=polling&sid=T.abc&Z=1", anyParams: true},
	{name: "a handshake with parameters that begin like EIO, sid and transport", query: "shop=1&EIO=4&Auth=x&transport=polling&transports=a&trans&T=1&si", handshake: true},
	{name: "a handshake with an empty sid", query: "EIO=4&transport=polling&sid="},
	{name: "nothing"},
	{name: "a query of another protocol", query: "page=1"},
	{name: "a sid without a tag", query: "EIO=4&transport=polling&sid=abc"},
	{name: "a bad tag", query: "EIO=4&transport=polling&sid=T!.abc"},
	{name: "an over-long tag", query: "EIO=4&transport=polling&sid=" + longTag + ".abc"},
	{name: "a tag alone", query: "EIO=4&transport=polling&sid=T."},
	{name: "a sid twice", query: "EIO=4&transport=polling&sid=T.abc&sid=U.abc"},
	{name: "another sid before it", query: "sid=&EIO=4&transport=polling&sid=U.abc"},
	{name: "a version twice", query: "EIO=4&EIO=3&transport=polling&sid=T.abc"},
	{name: "another version", query: "EIO=3&transport=polling&sid=T.abc"},
	{name: "a percent-encoded separator", query: "EIO=4&transport=polling&sid=T%2Eabc"},
	{name: "an empty sid", query: "EIO=4&transport=polling&sid="},
	{name: "a handshake over WebSocket", query: "EIO=4&transport=websocket"},
	{name: "a transport twice", query: "EIO=4&transport=websocket&transport=polling"},
}

const longTag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // 65 bytes

func TestRequestPatterns(t *testing.T) {
	for _, tc := range fastPathRequests {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			const path = "/socket.io/?"
			part := BoundPattern(ModeAuto, oneLetterTags(1)).FindStringSubmatch(path + tc.query)
			if bound := part != nil; bound != tc.bound {
				t.Errorf("bound = %v, want %v", bound, tc.bound)
			}
			part = BoundPatternAnyParams(ModeAuto, oneLetterTags(1)).FindStringSubmatch(path + tc.query)
			if bound := part != nil; bound != (tc.bound || tc.anyParams) {
				t.Errorf("bound with any parameters = %v, want %v", bound, tc.bound || tc.anyParams)
			}
			if handshake := HandshakePattern(ModeAuto).MatchString(tc.query); handshake != tc.handshake {
				t.Errorf("handshake = %v, want %v", handshake, tc.handshake)
			}
			for _, mode := range []Mode{ModeAuto, ModeTag, ModeOff} {
				checkPatterns(t, mode, oneLetterTags(1), path, tc.query)
			}
		})
	}
}

func TestRequestPatternsWithLevels(t *testing.T) {
	const path, query = "/?", "EIO=4&transport=polling&sid=o.i.abc"
	if part := BoundPattern(ModeAuto, oneLetterTags(2)).FindStringSubmatch(path + query); part == nil || part[4] != "o.i" {
		t.Errorf("groups %q", part)
	}
	for sid, tag := range map[string]string{"o..abc": "o.", ".i.abc": ".i"} {
		part := BoundPattern(ModeAuto, oneLetterTags(2)).FindStringSubmatch(path + "EIO=4&sid=" + sid)
		if part == nil || part[4] != tag {
			t.Errorf("%s: groups %q", sid, part)
		}
		checkPatterns(t, ModeAuto, oneLetterTags(2), path, "EIO=4&sid="+sid)
	}
	if part := BoundPattern(ModeAuto, oneLetterTags(2)).FindStringSubmatch(path + "EIO=4&sid=..abc"); part != nil {
		t.Errorf("groups %q without any level", part)
	}
	for levels := 1; levels <= 4; levels++ {
		checkPatterns(t, ModeAuto, oneLetterTags(levels), path, query)
	}
}

// checkPatterns checks that where a pattern matches a request, the slow path has
// the same result.
func checkPatterns(tb testing.TB, mode Mode, form TagForm, path, query string) {
	tb.Helper()
	newRequest := func() *http.Request {
		return &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: query}, RequestURI: path + query}
	}
	req, isEngineIO := ParseRequest(query)
	_, tag := Resolve(req, mode, form, NewSessions(1).NewShare(), nil)
	want := newRequest()
	req.Unbind(want, tag)

	for _, pattern := range []*regexp.Regexp{BoundPattern(mode, form), BoundPatternAnyParams(mode, form)} {
		part := pattern.FindStringSubmatch(path + query)
		if part != nil && part[2] == query &&
			(part[4] != tag || part[3]+part[5] != want.URL.RawQuery || part[1]+part[3]+part[5] != want.RequestURI) {
			tb.Fatalf("%q, %q: the groups are %q, want tag %q, RequestURI %q, query %q", path, query, part, tag, want.RequestURI, want.URL.RawQuery)
		}
	}
	if req.SID != "" && !strings.Contains(query, SIDParam) {
		tb.Fatalf("%q has a session ID, but not %q", query, SIDParam)
	}
	if isEngineIO && !strings.Contains(query, VersionParam) {
		tb.Fatalf("%q is a query of Engine.IO, but does not contain %q", query, VersionParam)
	}
	isHandshake := isEngineIO && mode.Tags(req.Version) && req.IsPollingHandshake(newRequest())
	if !isHandshake && HandshakePattern(mode).MatchString(query) {
		tb.Fatalf("%q is no handshake that gets a tag", query)
	}
}

// FuzzRequestPatterns checks that for every request that a pattern matches, the
// slow path has the same result.
func FuzzRequestPatterns(f *testing.F) {
	for _, tc := range fastPathRequests {
		f.Add("/socket.io/?", tc.query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		checkPatterns(t, ModeAuto, oneLetterTags(1), path, query)
		checkPatterns(t, ModeTag, oneLetterTags(2), path, query)
		checkPatterns(t, ModeLearn, oneLetterTags(1), path, query)
		checkPatterns(t, ModeOff, oneLetterTags(1), path, query)
	})
}

// FuzzSetCookiePattern checks that the value that the pattern finds in a Set-Cookie
// line is the value of the cookie, and a valid tag.
func FuzzSetCookiePattern(f *testing.F) {
	f.Add("srv=T; Path=/")
	f.Add(" srv =T;srv=U")
	pattern := SetCookiePattern([]string{"srv"}, oneLetterTags(1))
	f.Fuzz(func(t *testing.T, line string) {
		part := pattern.FindStringSubmatch(line)
		if part == nil {
			return
		}
		want := SetCookieValues(http.Header{"Set-Cookie": {line}}, "srv")
		if len(want) != 1 || part[1] != want[0] || !oneLetterTags(1).Valid(part[1]) {
			t.Fatalf("%q: %q, want %q", line, part[1], want)
		}
	})
}

func TestSetCookiePattern(t *testing.T) {
	if part := SetCookiePattern([]string{"a.b"}, oneLetterTags(1)).FindStringSubmatch("a.b=T; Path=/"); part == nil || part[1] != "T" {
		t.Errorf("groups %q", part)
	}
	for _, line := range []string{"", "axb=T; Path=/", "a.b=; Path=/", "a.b=T.U; Path=/", "xa.b=T; Path=/"} {
		if SetCookiePattern([]string{"a.b"}, oneLetterTags(1)).MatchString(line) {
			t.Errorf("%q matches", line)
		}
	}
	if SetCookiePattern([]string{"a", "b"}, oneLetterTags(1)).MatchString("a=T; Path=/") {
		t.Error("a pattern for several cookies matches one of them")
	}
}
