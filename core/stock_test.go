package core

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// stockRequests are requests of which the stock ones are to be read by a match,
// and the others not.
var stockRequests = []struct {
	name, query    string
	bound, opening bool
	anyBound       bool // but not bound
}{
	{name: "a poll of engine.io-client", query: "EIO=4&transport=polling&t=sax6fk6i&sid=T.abc", bound: true},
	{name: "an upgrade of engine.io-client", query: "EIO=4&transport=websocket&sid=T.abc", bound: true},
	{name: "a poll of python-engineio", query: "transport=polling&EIO=4&sid=T.abc&t=1.2", bound: true},
	{name: "a poll with parameters of the application", query: "token=sid=x&EIO=4&transport=polling&sid=T.a-b%2Bc&b64=1", bound: true},
	{name: "a handshake of engine.io-client", query: "EIO=4&transport=polling&t=sax6fk6i", opening: true},
	{name: "a handshake with parameters of the application", query: "token=x&EIO=4&a=b&transport=polling", opening: true},
	{name: "a poll with a parameter that begins with an s", query: "shop=1&EIO=4&transport=polling&sid=T.abc&s", anyBound: true},
	{name: "a poll with parameters that begin as those that count", query: "si=1&E=1&EI&EIO&sid&sidebar=1&EIO=4&EIOU=1&transport=polling&&sid=T.abc&sessionToken=x&SID=x", anyBound: true},
	{name: "a poll with parameters that begin with capitals", query: "Auth=x&EIO=4&transport=polling&sid=T.abc&Z=1", anyBound: true},
	{name: "a handshake with parameters that begin as those that count", query: "shop=1&EIO=4&Auth=x&transport=polling&transports=a&trans&T=1&si", opening: true},
	{name: "a handshake with an empty sid in it", query: "EIO=4&transport=polling&sid="},
	{name: "nothing"},
	{name: "another query", query: "page=1"},
	{name: "a node's own sid", query: "EIO=4&transport=polling&sid=abc"},
	{name: "a bad tag", query: "EIO=4&transport=polling&sid=T!.abc"},
	{name: "an over-long tag", query: "EIO=4&transport=polling&sid=" + longTag + ".abc"},
	{name: "a tag alone", query: "EIO=4&transport=polling&sid=T."},
	{name: "a sid twice", query: "EIO=4&transport=polling&sid=T.abc&sid=U.abc"},
	{name: "a sid before", query: "sid=&EIO=4&transport=polling&sid=U.abc"},
	{name: "a version twice", query: "EIO=4&EIO=3&transport=polling&sid=T.abc"},
	{name: "another version", query: "EIO=3&transport=polling&sid=T.abc"},
	{name: "a percent-encoded separator", query: "EIO=4&transport=polling&sid=T%2Eabc"},
	{name: "an empty sid", query: "EIO=4&transport=polling&sid="},
	{name: "a handshake over WebSocket", query: "EIO=4&transport=websocket"},
	{name: "a transport twice", query: "EIO=4&transport=websocket&transport=polling"},
}

const longTag = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" // 65 bytes

func TestStockRequests(t *testing.T) {
	for _, tc := range stockRequests {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			const path = "/socket.io/?"
			part := StockBound(ModeAuto, letters(1)).FindStringSubmatch(path + tc.query)
			if bound := part != nil; bound != tc.bound {
				t.Errorf("bound = %v, want %v", bound, tc.bound)
			}
			part = AnyBound(ModeAuto, letters(1)).FindStringSubmatch(path + tc.query)
			if bound := part != nil; bound != (tc.bound || tc.anyBound) {
				t.Errorf("bound with any parameters = %v, want %v", bound, tc.bound || tc.anyBound)
			}
			if opening := StockOpening(ModeAuto).MatchString(tc.query); opening != tc.opening {
				t.Errorf("opening = %v, want %v", opening, tc.opening)
			}
			for _, mode := range []Mode{ModeAuto, ModeTag, ModeOff} {
				checkStock(t, mode, letters(1), path, tc.query)
			}
		})
	}
}

func TestStockRequestsWithLevels(t *testing.T) {
	const path, query = "/?", "EIO=4&transport=polling&sid=o.i.abc"
	if part := StockBound(ModeAuto, letters(2)).FindStringSubmatch(path + query); part == nil || part[4] != "o.i" {
		t.Errorf("parts %q", part)
	}
	for sid, tag := range map[string]string{"o..abc": "o.", ".i.abc": ".i"} {
		part := StockBound(ModeAuto, letters(2)).FindStringSubmatch(path + "EIO=4&sid=" + sid)
		if part == nil || part[4] != tag {
			t.Errorf("%s: parts %q", sid, part)
		}
		checkStock(t, ModeAuto, letters(2), path, "EIO=4&sid="+sid)
	}
	if part := StockBound(ModeAuto, letters(2)).FindStringSubmatch(path + "EIO=4&sid=..abc"); part != nil {
		t.Errorf("parts %q of no level", part)
	}
	for levels := 1; levels <= 4; levels++ {
		checkStock(t, ModeAuto, letters(levels), path, query)
	}
}

// checkStock checks that what a match says of a request is what the functions
// say that read any request.
func checkStock(tb testing.TB, mode Mode, form TagForm, path, query string) {
	tb.Helper()
	newRequest := func() *http.Request {
		return &http.Request{Method: http.MethodGet, URL: &url.URL{RawQuery: query}, RequestURI: path + query}
	}
	req, ours := ParseRequest(query)
	_, tag := Resolve(req, mode, form, NewSessions(1).NewShare(), nil)
	want := newRequest()
	req.Unbind(want, tag)

	for _, pattern := range []*regexp.Regexp{StockBound(mode, form), AnyBound(mode, form)} {
		part := pattern.FindStringSubmatch(path + query)
		if part != nil && part[2] == query &&
			(part[4] != tag || part[3]+part[5] != want.URL.RawQuery || part[1]+part[3]+part[5] != want.RequestURI) {
			tb.Fatalf("%q, %q: a match says %q, and not %q, %q, %q", path, query, part, tag, want.RequestURI, want.URL.RawQuery)
		}
	}
	if req.SID != "" && !strings.Contains(query, SessionMark) {
		tb.Fatalf("%q names a session", query)
	}
	if ours && Foreign(query) {
		tb.Fatalf("%q is not foreign", query)
	}
	opens := ours && mode.Tags(req.Version) && req.OpensByPolling(newRequest())
	if !opens && StockOpening(mode).MatchString(query) {
		tb.Fatalf("%q opens no session that is bound", query)
	}
}

// FuzzStockRequests: whatever a client writes, a match says nothing else than
// the functions that read any request.
func FuzzStockRequests(f *testing.F) {
	for _, tc := range stockRequests {
		f.Add("/socket.io/?", tc.query)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		checkStock(t, ModeAuto, letters(1), path, query)
		checkStock(t, ModeTag, letters(2), path, query)
		checkStock(t, ModeLearn, letters(1), path, query)
		checkStock(t, ModeOff, letters(1), path, query)
	})
}

// FuzzStockSetCookie: the value that a match takes from a Set-Cookie is the
// cookie's, and a tag.
func FuzzStockSetCookie(f *testing.F) {
	f.Add("srv=T; Path=/")
	f.Add(" srv =T;srv=U")
	pattern := StockSetCookie([]string{"srv"}, letters(1))
	f.Fuzz(func(t *testing.T, line string) {
		part := pattern.FindStringSubmatch(line)
		if part == nil {
			return
		}
		want := SetCookieValues(http.Header{"Set-Cookie": {line}}, "srv")
		if len(want) != 1 || part[1] != want[0] || !letters(1).Valid(part[1]) {
			t.Fatalf("%q: %q, want %q", line, part[1], want)
		}
	})
}

func TestStockSetCookie(t *testing.T) {
	if part := StockSetCookie([]string{"a.b"}, letters(1)).FindStringSubmatch("a.b=T; Path=/"); part == nil || part[1] != "T" {
		t.Errorf("parts %q", part)
	}
	for _, line := range []string{"", "axb=T; Path=/", "a.b=; Path=/", "a.b=T.U; Path=/", "xa.b=T; Path=/"} {
		if StockSetCookie([]string{"a.b"}, letters(1)).MatchString(line) {
			t.Errorf("%q is taken", line)
		}
	}
	if StockSetCookie([]string{"a", "b"}, letters(1)).MatchString("a=T; Path=/") {
		t.Error("one of several cookies is taken for the only one")
	}
}
