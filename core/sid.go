package core

import (
	"net/url"
	"strings"
)

const (
	// separator stands between the tag and the session ID. Every client's URL
	// encoder leaves it alone (Java's escapes "~"), and the session IDs that
	// Engine.IO itself makes never hold it.
	separator = "."

	// maxSID is the length in bytes of the longest session ID that is bound.
	// Engine.IO's own have 20; a server's generateId option makes others.
	maxSID = 256

	// sidAlphabet holds the bytes that a session ID may have to be shown in a
	// log or a header: those of the usual generators, base64 and UUIDs among
	// them, and none that could end a field in any log format.
	sidAlphabet = tagAlphabet + ".~+/=:@"
)

// Bind puts a tag in front of a session ID.
func Bind(tag, sid string) string {
	return tag + separator + sid
}

// Split is the inverse of [Bind] for a session ID as it stands in a query, with
// a tag of a form. It reports false, and returns sid as it is, when sid has no
// tag of that form, nothing behind it, or more than a bound session ID can have.
func Split(sid string, form TagForm) (tag, rest string, bound bool) {
	end := strings.Index(sid, separator)
	for level := 1; level < form.Levels && end >= 0; level++ {
		next := strings.Index(sid[end+1:], separator)
		if next < 0 {
			return "", sid, false
		}
		end += 1 + next
	}
	if end < 0 || !form.Valid(sid[:end]) {
		return "", sid, false
	}
	rest = sid[end+len(separator):]
	if rest == "" || !fits(rest) {
		return "", sid, false
	}
	return sid[:end], rest, true
}

// fits reports whether a session ID as it stands in a query is short enough to
// have been bound. A query may take three bytes for one.
func fits(raw string) bool {
	if len(raw) <= maxSID {
		return true
	}
	return len(raw) <= 3*maxSID && len(raw)-2*strings.Count(raw, "%") <= maxSID
}

// Printable returns a session ID for logs and headers: as it is, or "" when it
// is longer than any that is bound or holds a byte that has no place there. A
// client may write anything for its session ID.
func Printable(sid string) string {
	if len(sid) > maxSID || strings.TrimLeft(sid, sidAlphabet) != "" {
		return ""
	}
	return sid
}

// PrintableRaw is [Printable] for a session ID as it stands in a query.
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
