package core

import (
	"bytes"
	"encoding/json"
	"time"
)

const (
	// openType is the packet type of an open packet in both protocol versions.
	openType = '0'

	// recordSeparator separates the packets of an Engine.IO 4 payload.
	recordSeparator = 0x1e
)

// Handshake is the content of an open packet, as far as this package needs it.
type Handshake struct {
	// SID is the session ID that the upstream sent, decoded from JSON.
	SID string

	// Lifetime is how long the session lives without a packet from the client:
	// pingInterval plus pingTimeout. Where the packet has no valid value, it is
	// Engine.IO's default, 25 s and 20 s.
	Lifetime time.Duration
}

// openPacket is an open packet in the body of a handshake response. Offsets are
// in bytes from the start of the body.
type openPacket struct {
	Handshake

	// sidOffset is the offset of the first byte of the session ID, after the
	// opening quotation mark of its JSON string.
	sidOffset int

	// length is the packet's length as given in an Engine.IO 3 payload, and digits
	// is how it is written there. In Engine.IO 4 both are zero.
	length int
	digits lengthDigits
}

// bind returns a copy of body, which p was found in, with a tag added to the
// session ID, and with the packet's length corrected if the encoding has one.
func (p openPacket) bind(body []byte, tag string) []byte {
	prefix := tag + Separator
	bound := make([]byte, 0, len(body)+len(prefix)+1) // the length may gain a digit
	from := 0
	if p.digits.present() {
		bound = append(bound, body[:p.digits.start]...)
		bound = p.digits.append(bound, p.length+len(prefix))
		from = p.digits.end
	}
	bound = append(bound, body[from:p.sidOffset]...)
	bound = append(bound, prefix...)
	return append(bound, body[p.sidOffset:]...)
}

// mayBeginOpenPacket reports whether a body whose first byte is this one may begin
// with an open packet.
func mayBeginOpenPacket(first byte) bool {
	return first >= '0' && first <= '9' || first == binaryString || first == jsonpHead[0]
}

// findOpenPacket finds the open packet at the start of the body of a handshake
// response. It supports the payload encodings of [Engine.IO 4], of [Engine.IO 3],
// string and binary, and JSONP of both. It reports false if body does not begin
// with a complete open packet, or if the session ID is empty, longer than 256
// bytes, or occurs twice.
//
// [Engine.IO 4]: https://github.com/socketio/engine.io-protocol/tree/v4#packet-encoding
// [Engine.IO 3]: https://github.com/socketio/engine.io-protocol/tree/v3#encoding
func findOpenPacket(body []byte) (packet openPacket, ok bool) {
	switch {
	case OpenPacketPattern.Match(body):
		return parseMatchedPacket(body), true
	case len(body) > 0 && body[0] == jsonpHead[0]:
		packet, ok = findInJSONP(body)
	default:
		packet, ok = findInPayload(body)
	}
	return packet, ok && packet.SID != "" && len(packet.SID) <= maxSID
}

// findInPayload finds the open packet at the start of a payload of either
// protocol version. An Engine.IO 3 payload begins with the packet's length, which
// never begins with "0" for an open packet. An Engine.IO 4 payload begins with
// the packet itself.
func findInPayload(payload []byte) (openPacket, bool) {
	if len(payload) == 0 || payload[0] != openType {
		return findInV3Payload(payload)
	}
	packet, end, ok := findInPacket(payload)
	if !ok || end < len(payload) && payload[end] != recordSeparator {
		return openPacket{}, false
	}
	return packet, true
}

// findInPacket parses the open packet at the start of data. It returns the offset
// after the packet.
func findInPacket(data []byte) (packet openPacket, end int, ok bool) {
	if len(data) == 0 || data[0] != openType {
		return openPacket{}, 0, false
	}
	text := data[1:]
	var interval, timeout json.RawMessage
	dec := json.NewDecoder(bytes.NewReader(text))
	if token, err := dec.Token(); err != nil || token != json.Delim('{') {
		return openPacket{}, 0, false
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return openPacket{}, 0, false
		}
		if key != "sid" {
			var other json.RawMessage
			if err := dec.Decode(&other); err != nil {
				return openPacket{}, 0, false
			}
			if key == "pingInterval" { //nolint:staticcheck // Yaegi cannot switch on it
				interval = other
			} else if key == "pingTimeout" {
				timeout = other
			}
			continue
		}
		colon := int(dec.InputOffset())
		value, err := dec.Token()
		sid, isString := value.(string)
		if err != nil || !isString || packet.sidOffset > 0 {
			return openPacket{}, 0, false
		}
		packet.SID = sid
		// Only white space and the colon can precede the value's quotation mark.
		packet.sidOffset = 1 + colon + bytes.IndexByte(text[colon:], '"') + 1
	}
	if _, err := dec.Token(); err != nil || packet.sidOffset == 0 {
		return openPacket{}, 0, false
	}
	packet.Lifetime = lifetime(string(interval), string(timeout))
	end = 1 + int(dec.InputOffset())
	rest := bytes.TrimLeft(data[end:], " \t\r\n") // JSON allows white space after it
	return packet, len(data) - len(rest), true
}
