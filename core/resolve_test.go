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
		by          Reason
		tag         string
	}{
		{"a handshake is a new session", "EIO=4&transport=polling", ModeAuto, ByNew, ""},
		{"the tag of a bound sid", "EIO=4&sid=T.a", ModeAuto, ByTag, "T"},
		{"a sid without a tag is lost", "EIO=4&sid=a", ModeAuto, ByLost, ""},
		{"a repeated sid is lost", "EIO=4&sid=T.a&sid=T.a", ModeAuto, ByLost, ""},
		{"auto learns version 3", "EIO=3&sid=known", ModeAuto, ByLearned, "L"},
		{"auto ignores tags in version 3", "EIO=3&sid=T.a", ModeAuto, ByLost, ""},
		{"auto does not learn version 4", "EIO=4&sid=known", ModeAuto, ByLost, ""},
		{"auto ignores an unknown version", "EIO=5&sid=T.a", ModeAuto, "", ""},
		{"tag uses tags in version 3", "EIO=3&sid=T.a", ModeTag, ByTag, "T"},
		{"tag learns nothing", "EIO=3&sid=known", ModeTag, ByLost, ""},
		{"learn learns version 4", "EIO=4&sid=known", ModeLearn, ByLearned, "L"},
		{"learn decodes the sid", "EIO=4&sid=a%2Bb", ModeLearn, ByLearned, "L"},
		{"learn decodes a plus to a space", "EIO=4&sid=a+b", ModeLearn, ByLost, ""},
		{"learn does not split the sid", "EIO=4&sid=T.known", ModeLearn, ByLearned, "L"},
		{"a repeated sid is not learned", "EIO=4&sid=known&sid=known", ModeLearn, ByLost, ""},
		{"a sid that cannot be decoded is not learned", "EIO=4&sid=known%2", ModeLearn, ByLost, ""},
		{"off ignores sids", "EIO=4&sid=T.a", ModeOff, "", ""},
		{"a handshake is a new session with off, too", "EIO=4", ModeOff, ByNew, ""},
	}
	for _, tc := range cases {
		req, _ := ParseRequest(tc.query)
		if by, tag := Resolve(req, tc.mode, oneLetterTags(1), sessions, nil); by != tc.by || tag != tc.tag {
			t.Errorf("%s: by %q, tag %q, want %q, %q", tc.name, by, tag, tc.by, tc.tag)
		}
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
