package core

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// A client may send a megabyte of anything. Under Yaegi, a loop over it would take
// seconds. So the time must depend on the length of the input only, not on its
// content.
func TestTimeDependsOnlyOnLengthOfInput(t *testing.T) {
	const length = 900_000
	long := func(part string) string { return strings.Repeat(part, length/len(part)) }
	cookies := func(lines ...string) func() {
		return func() { ReplaceCookie(http.Header{"Cookie": lines}, "srv", "T") }
	}
	query := func(query string) func() {
		return func() {
			req, _ := ParseRequest(query)
			Resolve(req, ModeAuto, oneLetterTags(1), nil, nil)
		}
	}
	cases := []struct {
		name              string
		hostile, harmless func()
	}{
		{"many cookies", cookies("srv=a" + long("; a=1")), cookies("srv=a" + long("a"))},
		{"nothing but semicolons", cookies("srv=a" + long(";")), cookies("srv=a" + long("a"))},
		{"many cookies of the name", cookies(long("srv=a; ")), cookies("srv=a" + long("a"))},
		{"many lines of cookies", cookies(strings.Split(long("srv=a\n"), "\n")...), cookies(strings.Split(long("a=srv1\n"), "\n")...)},
		{"many longer names", query("EIO=4&x" + long("sid=")), query("EIO=4&x" + long("a"))},
		{"many versions", query("x" + long("EIO=") + "&EIO=4"), query("x" + long("a") + "&EIO=4")},
		{"many sids", query("EIO=4" + long("&sid=T.a")), query("EIO=4&x" + long("a"))},
		{"many parameters", query("EIO=4" + long("&s")), query("EIO=4&x" + long("a"))},
		{"many dots", query("EIO=4&sid=" + long(".")), query("EIO=4&sid=" + long("a"))},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			hostile, harmless := fastest(tc.hostile), fastest(tc.harmless)
			if hostile > 200*harmless {
				t.Errorf("it takes %s, and harmless input of the same length %s", hostile, harmless)
			}
		})
	}
}

// fastest returns the shortest time of a few calls.
func fastest(call func()) time.Duration {
	shortest := time.Hour
	for i := 0; i < 5; i++ {
		start := time.Now()
		call()
		if took := time.Since(start); took < shortest {
			shortest = took
		}
	}
	return shortest
}
