package core

import (
	"net/http"
	"strings"
	"testing"
)

// fastPathRequests are queries, and what the fast path must find in them.
var fastPathRequests = []struct {
	name, query     string
	tagged, learned bool
	sid, polling    bool
}{
	{name: "a poll of engine.io-client", query: "EIO=4&transport=polling&t=sax6fk6i&sid=T.abc", tagged: true, sid: true, polling: true},
	{name: "a poll with the parameters in another order", query: "sid=T.abc&transport=polling&EIO=4", tagged: true, sid: true, polling: true},
	{name: "an upgrade", query: "EIO=4&transport=websocket&sid=T.abc", tagged: true, sid: true},
	{name: "a handshake with parameters of the application", query: "sidebar=1&EIOU=1&EIO=4&xsid=1&transport=polling", tagged: true, polling: true},
	{name: "a poll of Engine.IO 3", query: "transport=polling&EIO=3&sid=abc", learned: true, sid: true, polling: true},
	{name: "another version", query: "EIO=2&transport=polling", polling: true},
	{name: "parameters with similar names", query: "xEIO=4&xtransport=polling&xsid=T.abc"},
	{name: "nothing"},
}

func TestPartsOfQueries(t *testing.T) {
	for _, tc := range fastPathRequests {
		query := "&" + tc.query
		versions := NewVersionParams(ModeAuto)
		if strings.Contains(query, versions.Tagged) != tc.tagged || strings.Contains(query, versions.Learned) != tc.learned ||
			strings.Contains(query, SIDParam) != tc.sid || strings.Contains(query+"&", PollingParam) != tc.polling {
			t.Errorf("%s: %q is not recognized", tc.name, query)
		}
		for _, mode := range []Mode{ModeAuto, ModeTag, ModeLearn, ModeOff} {
			checkParts(t, mode, tc.query)
		}
	}
}

// checkParts checks that what the fast path finds in a query is what the slow path
// finds, unless a parameter is repeated or a value is longer than it should be.
func checkParts(tb testing.TB, mode Mode, raw string) {
	tb.Helper()
	query := "&" + raw
	req, isEngineIO := ParseRequest(raw)
	if isEngineIO != strings.Contains(query, VersionParam) {
		tb.Fatalf("%q is of Engine.IO: %v", raw, isEngineIO)
	}
	if strings.Count(query, VersionParam) != 1 || req.Version == 0 || strings.Count(query, SIDParam) > 1 || strings.Count(query, "&transport=") > 1 {
		return
	}
	versions := NewVersionParams(mode)
	if mode.Tags(req.Version) != strings.Contains(query, versions.Tagged) || mode.Learns(req.Version) != strings.Contains(query, versions.Learned) {
		tb.Fatalf("%s, %q of version %d: not recognized", mode, raw, req.Version)
	}
	if (req.SID != "" && !strings.Contains(query, SIDParam)) || (req.IsHandshake() && strings.Contains(query, SIDParam) && req.SID != "") {
		tb.Fatalf("%q: the session ID is %q", raw, req.SID)
	}
	handshake := req.IsPollingHandshake(&http.Request{Method: http.MethodGet})
	if handshake && !strings.Contains(query+"&", PollingParam) {
		tb.Fatalf("%q: the transport is %q", raw, req.Transport)
	}
}

// FuzzPartsOfQueries checks that the fast path and the slow path agree.
func FuzzPartsOfQueries(f *testing.F) {
	for _, tc := range fastPathRequests {
		f.Add(tc.query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		if strings.Contains(query, neverParam) {
			return
		}
		for _, mode := range []Mode{ModeAuto, ModeTag, ModeLearn, ModeOff} {
			checkParts(t, mode, query)
		}
	})
}
