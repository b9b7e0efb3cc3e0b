package core

import (
	"regexp"
	"strconv"
	"strings"
)

// OpenPacketPrefix is the part of a body that [OpenPacketPattern] matches before
// the session ID.
const OpenPacketPrefix = `0{"sid":"`

// The parts of the pattern of an open packet: its session ID, and what follows.
const (
	openPacketSID  = `[A-Za-z0-9_-]{1,64}`
	openPacketRest = `","upgrades":\[(?:"[a-z]{1,16}"(?:,"[a-z]{1,16}"){0,3})?\]` +
		`(?:,"(?:pingInterval|pingTimeout|maxPayload)":(?:0|[1-9][0-9]{0,15})){0,3}\}`
)

// OpenPacketPattern matches a body that is an open packet as stock servers of
// Engine.IO 4 write it, without other packets. Bodies that match are shorter than
// the rewriter's limit, and so are their session IDs.
var OpenPacketPattern = regexp.MustCompile(`^` + regexp.QuoteMeta(OpenPacketPrefix) + openPacketSID + openPacketRest + `$`)

// neverMatches is a pattern that matches no string.
const neverMatches = `[^\x00-\x{10FFFF}]`

// LearnedHandshakePattern returns a pattern for a Set-Cookie line that sets the only
// one of names to a tag of a form with one level, a line feed, and a body that
// [OpenPacketPattern] matches, or the same of Engine.IO 3, possibly followed by the
// packet that connects to the default namespace of Socket.IO 2. Its group 1 is the
// tag, and its groups are those of [ParseMatchedHandshake]. If there are several
// names or levels, the pattern matches nothing.
func LearnedHandshakePattern(names []string, form TagForm) *regexp.Regexp {
	if len(names) != 1 || form.Levels != 1 {
		return regexp.MustCompile(neverMatches)
	}
	return regexp.MustCompile(`^` + regexp.QuoteMeta(names[0]) + `=(` + tagPattern(form) + `);[^\n]*\n` +
		`(?:([1-9][0-9]{1,2}):)?(` + regexp.QuoteMeta(OpenPacketPrefix) + `(` + openPacketSID + `)` + openPacketRest + `)((?:2:40)?)$`)
}

// ParseMatchedHandshake returns the content of the open packet whose groups a
// [LearnedHandshakePattern] has found. It reports false if the body is a payload of
// neither version.
func ParseMatchedHandshake(groups []string) (Handshake, bool) {
	length, packet, rest := groups[2], groups[3], groups[5]
	if length == "" && rest != "" || length != "" && length != strconv.Itoa(len(packet)) {
		return Handshake{}, false
	}
	return Handshake{
		SID:      strings.Clone(groups[4]), // it is a part of the whole response
		Lifetime: lifetime(matchedNumber(packet, `"pingInterval":`), matchedNumber(packet, `"pingTimeout":`)),
	}, true
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

// SetCookiePattern returns a pattern for a Set-Cookie line that sets the only one
// of names to a tag of a form with one level. Its group 1 is the tag. If there are
// several names or levels, the pattern matches nothing.
func SetCookiePattern(names []string, form TagForm) *regexp.Regexp {
	if len(names) != 1 || form.Levels != 1 {
		return regexp.MustCompile(neverMatches)
	}
	return regexp.MustCompile(`^` + regexp.QuoteMeta(names[0]) + `=(` + tagPattern(form) + `);`)
}
