package core

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestParseRequest(t *testing.T) {
	cases := []struct {
		name, query string
		isEngineIO  bool
		version     int
		transport   string
		sid         string
		handshake   bool
		tag         string
	}{
		{name: "an empty query is not Engine.IO"},
		{name: "no EIO parameter is not Engine.IO", query: "transport=polling&sid=x"},
		{name: "EIO in a longer name is not Engine.IO", query: "xEIO=4&transport=polling"},
		{name: "EIO in a value is not Engine.IO", query: "q=EIO=4"},
		{name: "a handshake", query: "EIO=4&transport=polling&t=abc", isEngineIO: true, version: 4, transport: "polling", handshake: true},
		{name: "parameters in another order", query: "t=abc&transport=polling&EIO=4", isEngineIO: true, version: 4, transport: "polling", handshake: true},
		{name: "version 3", query: "EIO=3&transport=websocket", isEngineIO: true, version: 3, transport: "websocket", handshake: true},
		{name: "a version of two digits", query: "EIO=42&transport=polling", isEngineIO: true, transport: "polling", handshake: true},
		{name: "a version that is not a number", query: "EIO=x", isEngineIO: true, handshake: true},
		{name: "two versions", query: "EIO=4&EIO=3", isEngineIO: true, handshake: true},
		{name: "an empty sid is no sid", query: "EIO=4&sid=&transport=polling", isEngineIO: true, version: 4, transport: "polling", handshake: true},
		{name: "a sid without a tag", query: "EIO=4&sid=abcdefghij0123456789", isEngineIO: true, version: 4, sid: "abcdefghij0123456789"},
		{name: "a bound sid", query: "EIO=4&sid=T.abc&t=1", isEngineIO: true, version: 4, sid: "T.abc", tag: "T"},
		{name: "a bound sid whose own part is percent-encoded", query: "EIO=4&sid=T.a%2Bb", isEngineIO: true, version: 4, sid: "T.a%2Bb", tag: "T"},
		{name: "a sid in a longer name", query: "EIO=4&xsid=T.a", isEngineIO: true, version: 4, handshake: true},
		{name: "a sid behind one in a longer name", query: "EIO=4&xsid=U.b&sid=T.a", isEngineIO: true, version: 4, sid: "T.a", tag: "T"},
		{name: "a repeated sid has no tag", query: "EIO=4&sid=T.a&sid=U.b", isEngineIO: true, version: 4, sid: "T.a"},
		{name: "a repeated empty sid is no handshake", query: "EIO=4&sid=&sid=U.b", isEngineIO: true, version: 4},
		{name: "a percent-encoded separator has no tag", query: "EIO=4&sid=T%2Ea", isEngineIO: true, version: 4, sid: "T%2Ea"},
		{name: "a percent-encoded tag is none", query: "EIO=4&sid=%54.a", isEngineIO: true, version: 4, sid: "%54.a"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			req, isEngineIO := ParseRequest(tc.query)
			if isEngineIO != tc.isEngineIO {
				t.Fatalf("isEngineIO = %v, want %v", isEngineIO, tc.isEngineIO)
			}
			if !isEngineIO {
				return
			}
			if req.Version != tc.version || req.Transport != tc.transport || req.SID != tc.sid {
				t.Errorf("got version %d, transport %q, sid %q, want %d, %q, %q",
					req.Version, req.Transport, req.SID, tc.version, tc.transport, tc.sid)
			}
			if got := req.IsHandshake(); got != tc.handshake {
				t.Errorf("IsHandshake = %v, want %v", got, tc.handshake)
			}
			if got := req.Tag(oneLetterTags(1)); got != tc.tag {
				t.Errorf("Tag = %q, want %q", got, tc.tag)
			}
		})
	}
}

func TestUnbind(t *testing.T) {
	longest := strings.Repeat("%2F", maxSID)
	cases := []struct{ name, query, want, sid string }{
		{"the tag is removed", "EIO=4&sid=T.abc&t=1", "EIO=4&sid=abc&t=1", "abc"},
		{"only the first separator counts", "EIO=4&sid=T.a.b", "EIO=4&sid=a.b", "a.b"},
		{"the sid stays percent-encoded", "sid=T.a%2Fb&EIO=4", "sid=a%2Fb&EIO=4", "a%2Fb"},
		{"the longest sid", "EIO=4&sid=T." + longest, "EIO=4&sid=" + longest, longest},
		{"an over-long sid is kept", "EIO=4&sid=T.x" + longest, "EIO=4&sid=T.x" + longest, "T.x" + longest},
		{"an over-long tag is kept", "EIO=4&sid=" + strings.Repeat("T", 65) + ".a", "EIO=4&sid=" + strings.Repeat("T", 65) + ".a", strings.Repeat("T", 65) + ".a"},
		{"a tag of another form is kept", "EIO=4&sid=eyJhbGciOiJIUzI1NiJ9.e30.abc", "EIO=4&sid=eyJhbGciOiJIUzI1NiJ9.e30.abc", "eyJhbGciOiJIUzI1NiJ9.e30.abc"},
		{"a sid that is one byte too long is kept", "EIO=4&sid=T." + strings.Repeat("x", maxSID+1), "EIO=4&sid=T." + strings.Repeat("x", maxSID+1), "T." + strings.Repeat("x", maxSID+1)},
		{"a bad tag is kept", "EIO=4&sid=T!.abc", "EIO=4&sid=T!.abc", "T!.abc"},
		{"a tag alone is kept", "EIO=4&sid=T.", "EIO=4&sid=T.", "T."},
		{"an empty tag is kept", "EIO=4&sid=.abc", "EIO=4&sid=.abc", ".abc"},
		{"a repeated sid is kept", "EIO=4&sid=T.a&sid=T.b", "EIO=4&sid=T.a&sid=T.b", "T.a"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/socket.io/?"+tc.query, http.NoBody)
			req, _ := ParseRequest(r.URL.RawQuery)
			if sid := req.Unbind(r, req.Tag(oneLetterTags(1))); sid != tc.sid {
				t.Errorf("sid = %q, want %q", sid, tc.sid)
			}
			if r.URL.RawQuery != tc.want {
				t.Errorf("RawQuery = %q, want %q", r.URL.RawQuery, tc.want)
			}
			if want := "/socket.io/?" + tc.want; r.RequestURI != want {
				t.Errorf("RequestURI = %q, want %q", r.RequestURI, want)
			}
		})
	}
}

func TestUnbindWithADifferentRequestURI(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&sid=T.abc", http.NoBody)
	r.RequestURI = "/socket.io/?EIO=4;sid=T.abc"
	req, _ := ParseRequest(r.URL.RawQuery)
	req.Unbind(r, req.Tag(oneLetterTags(1)))
	if r.RequestURI != "/socket.io/?EIO=4&sid=abc" || r.URL.RawQuery != "EIO=4&sid=abc" {
		t.Errorf("RequestURI = %q, RawQuery = %q", r.RequestURI, r.URL.RawQuery)
	}
}

func TestIsPollingHandshake(t *testing.T) {
	const poll = "EIO=4&transport=polling"
	cases := []struct {
		name, method, query, upgrade string
		want                         bool
	}{
		{"a handshake over polling is one", http.MethodGet, poll, "", true},
		{"a poll of a session is none", http.MethodGet, poll + "&sid=a", "", false},
		{"a handshake over WebSocket is none", http.MethodGet, "EIO=4&transport=websocket", "websocket", false},
		{"a POST is none", http.MethodPost, poll, "", false},
		{"a preflight is none", http.MethodOptions, poll, "", false},
		{"an upgrade with transport=polling is none", http.MethodGet, poll, "websocket", false},
		{"a repeated sid is none", http.MethodGet, poll + "&sid=&sid=", "", false},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, "/socket.io/?"+tc.query, http.NoBody)
			if tc.upgrade != "" {
				r.Header.Set("Upgrade", tc.upgrade)
			}
			req, isEngineIO := ParseRequest(r.URL.RawQuery)
			if got := isEngineIO && req.IsPollingHandshake(r); got != tc.want {
				t.Errorf("IsPollingHandshake = %v, want %v", got, tc.want)
			}
		})
	}
}
