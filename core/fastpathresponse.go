package core

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// OpenPacketPrefix is the part of a body that [OpenPacketPattern] matches before
// the session ID.
const OpenPacketPrefix = `0{"sid":"`

// The parts of the pattern of an open packet: its session ID, and what follows.
const (
	openPacketSID      = `[A-Za-z0-9_-]{1,64}`
	openPacketUpgrades = `\[(?:"[a-z]{1,16}"(?:,"[a-z]{1,16}"){0,3})?\]`
	openPacketRest     = `","upgrades":` + openPacketUpgrades +
		`(?:,"(?:pingInterval|pingTimeout|maxPayload)":(?:0|[1-9][0-9]{0,15})){0,3}\}`
)

// OpenPacketPattern matches a body that is an open packet as stock servers of
// Engine.IO 4 write it, without other packets. Bodies that match are shorter than
// the rewriter's limit, and so are their session IDs.
var OpenPacketPattern = regexp.MustCompile(`^` + regexp.QuoteMeta(OpenPacketPrefix) + openPacketSID + openPacketRest + `$`)

// neverMatches is a pattern that matches no string.
const neverMatches = `[^\x00-\x{10FFFF}]`

// stockCookie returns a pattern for a Set-Cookie line that sets the only one of names
// to a tag of a form with one level, and a line feed. Its group is the tag. If there
// are several names or levels, the pattern matches nothing.
func stockCookie(names []string, form TagForm) string {
	if len(names) != 1 || form.Levels != 1 {
		return neverMatches
	}
	return `^` + regexp.QuoteMeta(names[0]) + `=(` + tagPattern(form) + `);[^\n]*\n`
}

// TaggedResponsePattern returns a pattern for a Set-Cookie line that sets the only one
// of names to a tag of a form with one level, a line feed, and a body that
// [OpenPacketPattern] matches. Its groups are the tag, and what follows
// [OpenPacketPrefix]. If there are several names or levels, the pattern matches
// nothing.
func TaggedResponsePattern(names []string, form TagForm) *regexp.Regexp {
	return regexp.MustCompile(stockCookie(names, form) + regexp.QuoteMeta(OpenPacketPrefix) + `(` + openPacketSID + openPacketRest + `)$`)
}

// LearnedResponsePattern is [TaggedResponsePattern] for a body that has a
// pingInterval and a pingTimeout, or the same of Engine.IO 3, possibly followed by the
// packet that connects to the default namespace of Socket.IO 2. Its groups are those
// of [MatchedHandshake].
func LearnedResponsePattern(names []string, form TagForm) *regexp.Regexp {
	const number = `([1-9][0-9]{0,8})` // less than maxTimer
	return regexp.MustCompile(stockCookie(names, form) +
		`(?:([1-9][0-9]{1,2}):)?(` + regexp.QuoteMeta(OpenPacketPrefix) + `(` + openPacketSID + `)","upgrades":` + openPacketUpgrades +
		`,"ping(?:Interval":` + number + `,"pingTimeout|Timeout":` + number + `,"pingInterval)":` + number +
		`(?:,"maxPayload":(?:0|[1-9][0-9]{0,15}))?\})(2:40)?$`)
}

// MatchedHandshake returns the content of the open packet whose groups a
// [LearnedResponsePattern] has found, and the tag. It reports false if the body is a
// payload of neither version.
func MatchedHandshake(groups []string) (Handshake, string, bool) {
	length := groups[2]
	if length != strconv.Itoa(len(groups[3])) && length+groups[8] != "" {
		return Handshake{}, "", false
	}
	lifetime, err := time.ParseDuration(groups[5] + groups[6] + "ms" + groups[7] + "ms")
	tag := groups[1]
	both := tag + groups[4] // a copy, because the groups are parts of the whole response
	return Handshake{SID: both[len(tag):], Lifetime: lifetime}, both[:len(tag)], err == nil
}

// parseMatchedPacket parses a body that [OpenPacketPattern] matches, which takes a
// fraction of the time of findInPacket.
func parseMatchedPacket(body []byte) openPacket {
	packet := string(body)
	sid := packet[len(OpenPacketPrefix):]
	return openPacket{
		Handshake: Handshake{
			SID:      strings.Clone(sid[:strings.IndexByte(sid, '"')]), // it may be remembered
			Lifetime: lifetime(matchedNumber(packet, `"pingInterval":`), matchedNumber(packet, `"pingTimeout":`)),
		},
		sidOffset: len(OpenPacketPrefix),
	}
}

// matchedNumber returns the number after a key in a body that [OpenPacketPattern]
// matches, or "" if the key is missing.
func matchedNumber(body, key string) string {
	at := strings.LastIndex(body, key) // JSON parsers use the last of two values
	if at < 0 {
		return ""
	}
	number := body[at+len(key):]
	if end := strings.IndexAny(number, ",}"); end >= 0 {
		number = number[:end]
	}
	return number
}
