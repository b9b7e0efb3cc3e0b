package core

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// jsonpHead is the start of a JSONP response:
//
//	___eio[<n>]("<payload as a JavaScript string>");
const jsonpHead = "___eio["

// findInJSONP finds the open packet in a JSONP response. The payload is a string
// literal in the script, so each offset in the payload has to be converted to an
// offset in the script.
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
		return openPacket{}, false // JSONP does not use binary framing
	}
	packet, ok := findInPayload([]byte(payload))
	if !ok {
		return openPacket{}, false
	}
	text := script[literal+1:] // after the opening quotation mark
	packet.sidOffset = literal + 1 + escapedOffset(text, packet.sidOffset)
	if packet.digits.present() {
		// The digits come first. No server escapes them, so their offsets are the
		// same in the script.
		if escapedOffset(text, packet.digits.end) != packet.digits.end {
			return openPacket{}, false
		}
		packet.digits.start += literal + 1
		packet.digits.end += literal + 1
	}
	return packet, true
}

// escapedOffset converts an offset in a string to the offset of the same byte in
// the escaped form of the string, which must be well-formed.
func escapedOffset(escaped []byte, offset int) int {
	at := 0
	for decoded := 0; decoded < offset; {
		width := 1
		if escaped[at] == '\\' {
			width = escapeWidth(escaped[at:])
		}
		var s string
		if width > 1 {
			// The caller has decoded the whole string, so this part is valid.
			_ = json.Unmarshal([]byte(`"`+string(escaped[at:at+width])+`"`), &s)
			decoded += len(s)
		} else {
			decoded++
		}
		at += width
	}
	return at
}

// escapeWidth returns the length in bytes of the escape at the start of escaped:
// 2, or 6 for a code unit, or 12 for a surrogate pair.
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

// isSurrogatePair reports whether two \u escapes encode a single character.
func isSurrogatePair(escapes []byte) bool {
	if escapes[6] != '\\' || escapes[7] != 'u' {
		return false
	}
	var s string
	_ = json.Unmarshal([]byte(`"`+string(escapes)+`"`), &s)
	r, size := utf8.DecodeRuneInString(s)
	return r > 0xffff && size == len(s)
}
