package core

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonpHead begins a JSONP reply:
//
//	___eio[<n>]("<payload, as a JavaScript string>");
const jsonpHead = "___eio["

// findInJSONP finds the session ID in a JSONP reply. The payload is a string
// in the script, so the session ID is a string within a string, and each
// offset in the payload has to be found again in the script.
func findInJSONP(script []byte) (openPacket, bool) {
	call := bytes.Index(script, []byte(`]("`))
	if !bytes.HasPrefix(script, []byte(jsonpHead)) || call < 0 || !utf8.Valid(script) {
		return openPacket{}, false
	}
	literal := call + len("](")
	dec := json.NewDecoder(bytes.NewReader(script[literal:]))
	token, err := dec.Token()
	payload, isString := token.(string)
	if err != nil || !isString {
		return openPacket{}, false
	}
	tail := script[literal+int(dec.InputOffset()):]
	if !bytes.HasPrefix(bytes.TrimLeft(tail, " "), []byte(")")) {
		return openPacket{}, false
	}

	if strings.HasPrefix(payload, string(rune(binaryString))) {
		return openPacket{}, false // binary framing is not for scripts
	}
	packet, ok := findInPayload([]byte(payload))
	if !ok {
		return openPacket{}, false
	}
	text := script[literal+1:] // behind the opening quotation mark
	packet.sidAt = literal + 1 + escapedOffset(text, packet.sidAt)
	if packet.digits.present() {
		// They come first. Nobody escapes them, so they stand as they are.
		if escapedOffset(text, packet.digits.end) != packet.digits.end {
			return openPacket{}, false
		}
		packet.digits.at += literal + 1
		packet.digits.end += literal + 1
	}
	return packet, true
}

// escapedOffset returns where the byte that stands at an offset of a string
// stands in the string's escaped form, which is well-formed.
func escapedOffset(escaped []byte, offset int) int {
	at := 0
	for decoded := 0; decoded < offset; {
		width := 1
		if escaped[at] == '\\' {
			width = escapeWidth(escaped[at:])
		}
		var s string
		if width > 1 {
			// The string was decoded whole before, so its parts do decode.
			_ = json.Unmarshal([]byte(`"`+string(escaped[at:at+width])+`"`), &s)
			decoded += len(s)
		} else {
			decoded++
		}
		at += width
	}
	return at
}

// escapeWidth returns the length of the escape that escaped begins with: two
// bytes, six for a code unit, twelve for a surrogate pair.
func escapeWidth(escaped []byte) int {
	const unit = len(`\u0000`)
	switch {
	case escaped[1] != 'u':
		return 2
	case len(escaped) >= 2*unit && isSurrogatePair(escaped[:2*unit]):
		return 2 * unit
	default:
		return unit
	}
}

// isSurrogatePair reports whether two \u escapes make one character.
func isSurrogatePair(escapes []byte) bool {
	if escapes[6] != '\\' || escapes[7] != 'u' {
		return false
	}
	var s string
	_ = json.Unmarshal([]byte(`"`+string(escapes)+`"`), &s)
	r, size := utf8.DecodeRuneInString(s)
	return r > 0xffff && size == len(s)
}
