package core

import (
	"net/url"
	"strings"
)

const (
	// Separator separates the tag from the session ID. No client's URL encoder
	// escapes it (Java's escapes "~"), and the session IDs that Engine.IO itself
	// generates never contain it.
	Separator = "."

	// maxSID is the maximum length of a session ID to bind, in bytes. Engine.IO's
	// own have 20. A server's generateId option may generate others.
	maxSID = 256

	// sidAlphabet has the bytes of session IDs that may be written to a log or a
	// header: those of the usual generators, including base64 and UUIDs, and none
	// that could end a field in any log format.
	sidAlphabet = tagAlphabet + ".~+/=:@"
)

// Bind prefixes a session ID with a tag.
func Bind(tag, sid string) string {
	return tag + Separator + sid
}

// Split is the inverse of [Bind], for a session ID as it occurs in a query, still
// percent-encoded. It reports false and returns sid unchanged if sid has no tag
// of this form, nothing after the tag, or more than 256 bytes after it.
func Split(sid string, form TagForm) (tag, rest string, bound bool) {
	end := strings.Index(sid, Separator)
	for level := 1; level < form.Levels && end >= 0; level++ {
		next := strings.Index(sid[end+1:], Separator)
		if next < 0 {
			return "", sid, false
		}
		end += 1 + next
	}
	if end < 0 || !form.Valid(sid[:end]) {
		return "", sid, false
	}
	rest = sid[end+len(Separator):]
	if rest == "" || !withinMaxSID(rest) {
		return "", sid, false
	}
	return sid[:end], rest, true
}

// withinMaxSID reports whether a percent-encoded session ID has at most maxSID
// bytes once decoded.
func withinMaxSID(encoded string) bool {
	if len(encoded) <= maxSID {
		return true
	}
	return len(encoded) <= 3*maxSID && len(encoded)-2*strings.Count(encoded, "%") <= maxSID
}

// Printable returns sid if it is safe to write to a log or a header, and ""
// otherwise. A client may send any bytes as its session ID. Those are safe that
// have at most 256 bytes, all of them letters, digits, or one of "-_.~+/=:@".
func Printable(sid string) string {
	if len(sid) > maxSID || strings.TrimLeft(sid, sidAlphabet) != "" {
		return ""
	}
	return sid
}

// PrintableRaw is [Printable] for a percent-encoded session ID. It returns the
// decoded one.
func PrintableRaw(sid string) string {
	if len(sid) > 3*maxSID {
		return ""
	}
	decoded, err := url.PathUnescape(sid)
	if err != nil {
		return ""
	}
	return Printable(decoded)
}
