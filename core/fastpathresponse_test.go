package core

import (
	"net/http"
	"strings"
	"testing"
)

func TestOpenPacketPatternMatchesRecordedHandshakes(t *testing.T) {
	for _, file := range []string{"v4-polling.txt", "v4-allow-eio3-eio4.txt"} {
		if !OpenPacketPattern.Match(readBody(t, file)) {
			t.Errorf("%s does not match", file)
		}
	}
}

// FuzzOpenPacketPattern checks that a body that the pattern matches is an open
// packet, and that the functions for such bodies have the same results as those
// for any body.
func FuzzOpenPacketPattern(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File))
	}
	f.Add([]byte(`0{"sid":"sid","upgrades":[],"pingInterval":0}`))
	f.Add([]byte(`0{"sid":"sid","upgrades":[],"pingTimeout":1,"pingInterval":9999999999,"pingTimeout":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if !OpenPacketPattern.Match(body) {
			return
		}
		packet, ok := findInPayload(body)
		if !ok || packet != parseMatchedPacket(body) || packet.SID == "" || len(packet.SID) > maxSID || len(body) > maxBuffered {
			t.Fatalf("%q cannot be bound, or %+v is not %+v", body, parseMatchedPacket(body), packet)
		}
		want := packet.bind(body, testTag)
		if got := OpenPacketPrefix + testTag + Separator + string(body[len(OpenPacketPrefix):]); got != string(want) {
			t.Fatalf("%q became %q, want %q", body, got, want)
		}
	})
}

func TestLearnedHandshakePattern(t *testing.T) {
	pattern := LearnedHandshakePattern([]string{"a.b"}, oneLetterTags(1))
	for _, file := range []string{"v2-polling-string.txt", "v2-no-initial-packet.txt", "v4-polling.txt"} {
		found := pattern.FindStringSubmatch("a.b=T; Path=/\n" + string(readBody(t, file)))
		if found == nil || found[1] != "T" {
			t.Fatalf("%s: groups %q", file, found)
		}
		checkMatchedHandshake(t, found, readBody(t, file))
	}
	body := "\n" + `0{"sid":"abc","upgrades":[]}`
	for _, text := range []string{
		"axb=T; Path=/" + body, "a.b=; Path=/" + body, "a.b=T.U; Path=/" + body, "xa.b=T; Path=/" + body, "a.b=T; Path=/\na=1" + body, body[1:], body,
	} {
		if pattern.MatchString(text) {
			t.Errorf("%q matches", text)
		}
	}
	if LearnedHandshakePattern([]string{"a", "b"}, oneLetterTags(1)).MatchString("a=T; Path=/" + body) {
		t.Error("a pattern for several cookies matches one of them")
	}
}

// checkMatchedHandshake checks that the groups of a body say the same as the slow
// path.
func checkMatchedHandshake(tb testing.TB, groups []string, body []byte) {
	tb.Helper()
	handshake, ok := ParseMatchedHandshake(groups)
	if !ok {
		return
	}
	if packet, found := findOpenPacket(body); !found || packet.Handshake != handshake {
		tb.Fatalf("%q: %+v, want %+v, %v", body, handshake, packet.Handshake, found)
	}
}

// FuzzLearnedHandshakePattern checks that a response that the pattern matches says
// what it does on the slow path.
func FuzzLearnedHandshakePattern(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add("srv=T; Path=/", readBody(f, h.File))
	}
	f.Add(" srv =T;srv=U", []byte(`28:0{"sid":"sid","upgrades":[]}2:40`))
	pattern := LearnedHandshakePattern([]string{"srv"}, oneLetterTags(1))
	f.Fuzz(func(t *testing.T, line string, body []byte) {
		groups := pattern.FindStringSubmatch(line + "\n" + string(body))
		if groups == nil || strings.Contains(line, "\n") {
			return
		}
		want := SetCookieValues(http.Header{"Set-Cookie": {line}}, "srv")
		if len(want) != 1 || groups[1] != want[0] || !oneLetterTags(1).Valid(groups[1]) {
			t.Fatalf("%q: %q, want %q", line, groups[1], want)
		}
		checkMatchedHandshake(t, groups, body)
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
