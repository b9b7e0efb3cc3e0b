package core

import (
	"strings"
	"testing"
	"time"
)

func TestResolve(t *testing.T) {
	sessions := NewSessions(10).NewShare()
	sessions.Learn(Handshake{SID: "known", Lifetime: time.Hour}, "L")
	sessions.Learn(Handshake{SID: "a+b", Lifetime: time.Hour}, "L")
	sessions.Learn(Handshake{SID: "T.known", Lifetime: time.Hour}, "L")
	cases := []struct {
		name, query string
		mode        Mode
		reason      Reason
		tag         string
	}{
		{"a handshake is new", "EIO=4&transport=polling", ModeAuto, ReasonNew, ""},
		{"a bound sid has a tag", "EIO=4&sid=T.a", ModeAuto, ReasonTag, "T"},
		{"a sid without a tag is unknown", "EIO=4&sid=a", ModeAuto, ReasonUnknownSession, ""},
		{"a repeated sid is unknown", "EIO=4&sid=T.a&sid=T.a", ModeAuto, ReasonUnknownSession, ""},
		{"auto learns version 3", "EIO=3&sid=known", ModeAuto, ReasonLearned, "L"},
		{"auto takes no tag from version 3", "EIO=3&sid=T.a", ModeAuto, ReasonUnknownSession, ""},
		{"auto does not learn version 4", "EIO=4&sid=known", ModeAuto, ReasonUnknownSession, ""},
		{"auto leaves an unknown version alone", "EIO=5&sid=T.a", ModeAuto, "", ""},
		{"tag takes version 3", "EIO=3&sid=T.a", ModeTag, ReasonTag, "T"},
		{"tag learns nothing", "EIO=3&sid=known", ModeTag, ReasonUnknownSession, ""},
		{"learn learns version 4", "EIO=4&sid=known", ModeLearn, ReasonLearned, "L"},
		{"learn knows a sid by its decoded form", "EIO=4&sid=a%2Bb", ModeLearn, ReasonLearned, "L"},
		{"learn takes a plus for what it is in a query", "EIO=4&sid=a+b", ModeLearn, ReasonUnknownSession, ""},
		{"learn takes a sid as a whole", "EIO=4&sid=T.known", ModeLearn, ReasonLearned, "L"},
		{"a repeated sid is not learned", "EIO=4&sid=known&sid=known", ModeLearn, ReasonUnknownSession, ""},
		{"a sid that cannot be decoded is not learned", "EIO=4&sid=known%2", ModeLearn, ReasonUnknownSession, ""},
		{"off leaves version 4 alone", "EIO=4&sid=T.a", ModeOff, "", ""},
		{"off still knows what is new", "EIO=4", ModeOff, ReasonNew, ""},
	}
	for _, tc := range cases {
		req, _ := ParseRequest(tc.query)
		if reason, tag := Resolve(req, tc.mode, oneLetterTags(1), sessions, nil); reason != tc.reason || tag != tc.tag {
			t.Errorf("%s: got %q, tag %q, want %q, %q", tc.name, reason, tag, tc.reason, tc.tag)
		}
	}
}

func TestResolveTellsKnownTagsFromOthers(t *testing.T) {
	sessions := NewSessions(10).NewShare()
	for _, tag := range []string{"K", "O"} {
		sessions.Learn(Handshake{SID: "of" + tag, Lifetime: time.Hour}, tag)
		sessions.Learn(Handshake{SID: "both", Lifetime: time.Hour}, tag)
	}
	known := func(tag string) bool { return tag == "K" }
	cases := []struct {
		name, query string
		mode        Mode
		reason      Reason
		tag         string
	}{
		{"the tag of an upstream", "EIO=4&sid=K.a", ModeAuto, ReasonTag, "K"},
		{"the tag of no upstream", "EIO=4&sid=O.a", ModeAuto, ReasonUnknownTag, "O"},
		{"a learned session", "EIO=4&sid=ofK", ModeLearn, ReasonLearned, "K"},
		{"a learned session of an upstream that is gone", "EIO=4&sid=ofO", ModeLearn, ReasonUpstreamGone, "O"},
		{"a session ID that two upstreams use", "EIO=4&sid=both", ModeLearn, ReasonLearned, "K"},
		{"a session that was not learned", "EIO=4&sid=a", ModeLearn, ReasonUnknownSession, ""},
	}
	for _, tc := range cases {
		req, _ := ParseRequest(tc.query)
		if reason, tag := Resolve(req, tc.mode, oneLetterTags(1), sessions, known); reason != tc.reason || tag != tc.tag {
			t.Errorf("%s: got %q, tag %q, want %q, %q", tc.name, reason, tag, tc.reason, tc.tag)
		}
	}
}

func TestResolveDoesNotRenewASessionOfAnUpstreamThatIsGone(t *testing.T) {
	table := NewSessions(10)
	var clock time.Duration
	table.now = func() time.Time { return table.start.Add(clock) }
	sessions := table.NewShare()
	sessions.Learn(Handshake{SID: "a", Lifetime: time.Minute}, "O")
	req, _ := ParseRequest("EIO=4&sid=a")
	none := func(string) bool { return false }
	clock += time.Minute - 1
	if reason, _ := Resolve(req, ModeLearn, oneLetterTags(1), sessions, none); reason != ReasonUpstreamGone {
		t.Errorf("before its expiry: got %q, want %q", reason, ReasonUpstreamGone)
	}
	clock++
	if reason, _ := Resolve(req, ModeLearn, oneLetterTags(1), sessions, none); reason != ReasonUnknownSession {
		t.Errorf("after its expiry: got %q, want %q", reason, ReasonUnknownSession)
	}
}

func TestParseMode(t *testing.T) {
	cases := []struct {
		s    string
		want Mode
	}{{"", ModeAuto}, {"auto", ModeAuto}, {"tag", ModeTag}, {"learn", ModeLearn}, {"off", ModeOff}}
	for _, tc := range cases {
		if got, err := ParseMode(tc.s); err != nil || got != tc.want {
			t.Errorf("ParseMode(%q) = %q, %v, want %q", tc.s, got, err, tc.want)
		}
	}
	for _, s := range []string{"Auto", "on", "learn "} {
		if _, err := ParseMode(s); err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("ParseMode(%q) = %v, want an error that names it", s, err)
		}
	}
}
