package core

import (
	"bytes"
	"regexp"
)

// openPacketPrefix is the part of a body that [OpenPacketPattern] matches before
// the session ID.
const openPacketPrefix = `0{"sid":"`

// OpenPacketPattern matches a body that is an open packet as stock servers of
// Engine.IO 4 write it, without other packets. Bodies that match are shorter than
// the rewriter's limit, and so are their session IDs.
var OpenPacketPattern = regexp.MustCompile(`^0\{"sid":"[A-Za-z0-9_-]{1,64}"` +
	`,"upgrades":\[(?:"[a-z]{1,16}"(?:,"[a-z]{1,16}"){0,3})?\]` +
	`(?:,"(?:pingInterval|pingTimeout|maxPayload)":(?:0|[1-9][0-9]{0,15})){0,3}\}$`)

// BindMatchedPacket adds a valid tag to the session ID in a body that
// [OpenPacketPattern] matches.
func BindMatchedPacket(body, tag string) string {
	return openPacketPrefix + tag + separator + body[len(openPacketPrefix):]
}

// ParseMatchedPacket returns the content of a body that [OpenPacketPattern]
// matches.
func ParseMatchedPacket(body string) Handshake {
	return parseMatchedPacket([]byte(body)).Handshake
}

// parseMatchedPacket parses a body that [OpenPacketPattern] matches, which takes a
// fraction of the time of findInPacket.
func parseMatchedPacket(body []byte) openPacket {
	sid := body[len(openPacketPrefix):]
	return openPacket{
		Handshake: Handshake{
			SID:      string(sid[:bytes.IndexByte(sid, '"')]),
			Lifetime: lifetime(matchedNumber(body, `"pingInterval":`), matchedNumber(body, `"pingTimeout":`)),
		},
		sidOffset: len(openPacketPrefix),
	}
}

// matchedNumber returns the number after a key in a body that [OpenPacketPattern]
// matches, or "" if the key is missing.
func matchedNumber(body []byte, key string) string {
	at := bytes.LastIndex(body, []byte(key)) // JSON parsers use the last of two values
	if at < 0 {
		return ""
	}
	number := body[at+len(key):]
	if end := bytes.IndexAny(number, ",}"); end >= 0 {
		number = number[:end]
	}
	return string(number)
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
