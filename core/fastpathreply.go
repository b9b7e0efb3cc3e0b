package core

import (
	"bytes"
	"net/http"
	"regexp"
)

// openPacketPrefix begins a stock open packet, up to the session ID.
const openPacketPrefix = `0{"sid":"`

// openPacketPattern matches a body that is a stock open packet of Engine.IO 4. None is
// as long as maxBuffered, nor its session ID as long as maxSID.
var openPacketPattern = regexp.MustCompile(`^0\{"sid":"[A-Za-z0-9_-]{1,64}"` +
	`,"upgrades":\[(?:"[a-z]{1,16}"(?:,"[a-z]{1,16}"){0,3})?\]` +
	`(?:,"(?:pingInterval|pingTimeout|maxPayload)":(?:0|[1-9][0-9]{0,15})){0,3}\}$`)

// readMatchedPacket finds the session ID in a stock open packet.
func readMatchedPacket(body []byte) openPacket {
	sid := body[len(openPacketPrefix):]
	return openPacket{
		Handshake: Handshake{
			SID:      string(sid[:bytes.IndexByte(sid, '"')]),
			Lifetime: lifetime(numberAfter(body, `"pingInterval":`), numberAfter(body, `"pingTimeout":`)),
		},
		sidOffset: len(openPacketPrefix),
	}
}

// numberAfter returns the number behind a key in a stock open packet, if any.
func numberAfter(body []byte, key string) string {
	at := bytes.LastIndex(body, []byte(key)) // of two, JSON has the last one count
	if at < 0 {
		return ""
	}
	number := body[at+len(key):]
	if end := bytes.IndexAny(number, ",}"); end >= 0 {
		number = number[:end]
	}
	return string(number)
}

// SetCookiePattern returns what matches a line of Set-Cookie that gives the only
// one of the names a tag of a form of one level for its value. Its part 1 is the
// tag. Where there are several names, it matches nothing.
func SetCookiePattern(names []string, form TagForm) *regexp.Regexp {
	if len(names) != 1 || form.Levels != 1 {
		return regexp.MustCompile(neverMatches)
	}
	return regexp.MustCompile(`^` + regexp.QuoteMeta(names[0]) + `=(` + tagPattern(form) + `);`)
}

// BindFastPath is [HandshakeRewriter.Close] for a reply that is a stock open packet, with
// the reply's headers and a valid tag. It takes a header out of these, unless
// its name is empty. It reports false, and leaves all as it is, when the reply
// is another one, which is Close's.
func BindFastPath(r *HandshakeRewriter, header http.Header, tag, hidden string) bool {
	if r.stock == "" || header["Content-Encoding"] != nil {
		return false
	}
	delete(header, hidden)
	delete(header, "Content-Length") // a server counts so short a reply by itself
	r.passing = true
	// A client that has gone is nobody to tell.
	_, _ = r.ResponseWriter.Write([]byte(openPacketPrefix + tag + separator + r.stock[len(openPacketPrefix):]))
	return true
}
