package core

import "testing"

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
		if got := BindMatchedPacket(string(body), testTag); got != string(want) {
			t.Fatalf("%q became %q, want %q", body, got, want)
		}
	})
}
