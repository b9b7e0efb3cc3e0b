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

// checkResponsePatterns checks that a response that a pattern matches says what it
// does on the slow path. It returns the tags that the patterns find.
func checkResponsePatterns(tb testing.TB, line string, body []byte) (tagged, learned string) {
	tb.Helper()
	tagged, learned = "", "" // under Yaegi, they may be those of another call
	text := line + "\n" + string(body)
	values := SetCookieValues(http.Header{"Set-Cookie": {line}}, "a.b")
	packet, found := findOpenPacket(body)
	check := func(tag string) {
		if !found || len(values) != 1 || tag != values[0] || !oneLetterTags(1).Valid(tag) || len(body) > maxBuffered {
			tb.Fatalf("%q: tag %q, want %q, open packet %v", text, tag, values, found)
		}
	}
	if groups := TaggedResponsePattern([]string{"a.b"}, oneLetterTags(1)).FindStringSubmatch(text); groups != nil {
		tagged = groups[1]
		check(tagged)
		if got, want := OpenPacketPrefix+testTag+Separator+groups[2], packet.bind(body, testTag); got != string(want) {
			tb.Fatalf("%q became %q, want %q", body, got, want)
		}
	}
	if groups := LearnedResponsePattern([]string{"a.b"}, oneLetterTags(1)).FindStringSubmatch(text); groups != nil {
		handshake, tag, ok := MatchedHandshake(groups)
		if !ok {
			return tagged, ""
		}
		learned = tag
		check(learned)
		if packet.Handshake != handshake {
			tb.Fatalf("%q: %+v, want %+v", body, handshake, packet.Handshake)
		}
	}
	return tagged, learned
}

func TestResponsePatterns(t *testing.T) {
	for file, isTagged := range map[string]bool{"v2-polling-string.txt": false, "v2-no-initial-packet.txt": false, "v4-polling.txt": true} {
		tagged, learned := checkResponsePatterns(t, "a.b=T; Path=/", readBody(t, file))
		if learned != "T" || tagged == "T" != isTagged {
			t.Errorf("%s: tags %q and %q", file, tagged, learned)
		}
	}
	body := `0{"sid":"abc","upgrades":[],"pingTimeout":1,"pingInterval":2}`
	if tagged, learned := checkResponsePatterns(t, "a.b=T; Path=/", []byte(body)); tagged != "T" || learned != "T" {
		t.Errorf("with the lifetime in another order: tags %q and %q", tagged, learned)
	}
	for _, line := range []string{
		"", "axb=T; Path=/", "a.b=; Path=/", "a.b=T.U; Path=/", "xa.b=T; Path=/", "a.b=T; Path=/\na=1", "a.b=T; Path=/\na.b=T; Path=/",
	} {
		text := line + "\n" + body
		if TaggedResponsePattern([]string{"a.b"}, oneLetterTags(1)).MatchString(text) || LearnedResponsePattern([]string{"a.b"}, oneLetterTags(1)).MatchString(text) {
			t.Errorf("%q matches", text)
		}
	}
	names := []string{"a.b", "b"}
	if text := "a.b=T; Path=/\n" + body; TaggedResponsePattern(names, oneLetterTags(1)).MatchString(text) || LearnedResponsePattern(names, oneLetterTags(2)).MatchString(text) {
		t.Error("a pattern for several cookies matches one of them")
	}
}

// FuzzResponsePatterns checks responses with one Set-Cookie line.
func FuzzResponsePatterns(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add("a.b=T; Path=/", readBody(f, h.File))
	}
	f.Add("a.b=T;a.b=U", []byte(`62:0{"sid":"sid","upgrades":[],"pingTimeout":1,"pingInterval":999}2:40`))
	f.Fuzz(func(t *testing.T, line string, body []byte) {
		if !strings.Contains(line, "\n") {
			checkResponsePatterns(t, line, body)
		}
	})
}
