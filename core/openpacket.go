package core

import (
	"bytes"
	"encoding/json"
	"time"
)

const (
	// openType is the packet type of an open packet, "0" in both protocols.
	openType = '0'

	// recordSeparator stands between the packets of an Engine.IO 4 payload.
	recordSeparator = 0x1e
)

// Opened is what an open packet says of the session that it opens.
type Opened struct {
	// SID is the session ID, decoded, as the node gave it.
	SID string

	// Lifetime is how long the session lives without a sign of life: its
	// pingInterval and its pingTimeout.
	Lifetime time.Duration
}

// openPacket is what an open packet says, and where the session ID stands in a
// handshake's body. Offsets count bytes of the body.
type openPacket struct {
	Opened

	// sidAt is the offset of the first byte of the session ID, behind the
	// quotation mark that opens its JSON string.
	sidAt int

	// length is the packet's length as an Engine.IO 3 payload gives it, and
	// digits how it is written there. Engine.IO 4 has none of it.
	length int
	digits digits
}

// BindOpenPacket puts a tag in front of the session ID in a handshake's body,
// and corrects the packet's length where the encoding has one. It reads the
// payload encodings of [Engine.IO 4], plain, and of [Engine.IO 3], string and
// binary, and both as JSONP. It returns the new body and the session ID as the
// node gave it, decoded. It reports false, and returns body, when that does not
// begin with a whole open packet, or the session ID is empty, over 256 bytes
// long, or in there twice.
//
// [Engine.IO 4]: https://github.com/socketio/engine.io-protocol/tree/v4#packet-encoding
// [Engine.IO 3]: https://github.com/socketio/engine.io-protocol/tree/v3#encoding
func BindOpenPacket(body []byte, tag string) (bound []byte, sid string, ok bool) {
	packet, ok := findOpenPacket(body)
	if !ok {
		return body, "", false
	}
	return packet.bind(body, tag), packet.SID, true
}

// bind returns a copy of the body that p was found in, with the session ID
// bound.
func (p openPacket) bind(body []byte, tag string) []byte {
	mark := tag + separator
	bound := make([]byte, 0, len(body)+len(mark)+1) // a length may gain a digit
	from := 0
	if p.digits.present() {
		bound = append(bound, body[:p.digits.at]...)
		bound = p.digits.append(bound, p.length+len(mark))
		from = p.digits.end
	}
	bound = append(bound, body[from:p.sidAt]...)
	bound = append(bound, mark...)
	return append(bound, body[p.sidAt:]...)
}

// mayOpen reports whether a body that begins with this byte can begin with an
// open packet.
func mayOpen(first byte) bool {
	return first >= '0' && first <= '9' || first == binaryString || first == jsonpHead[0]
}

// findOpenPacket finds the session ID in a handshake's body of any encoding, if
// it is one that can be bound.
func findOpenPacket(body []byte) (packet openPacket, ok bool) {
	switch {
	case stockOpen.Match(body):
		return findInStock(body), true
	case len(body) > 0 && body[0] == jsonpHead[0]:
		packet, ok = findInJSONP(body)
	default:
		packet, ok = findInPayload(body)
	}
	return packet, ok && packet.SID != "" && len(packet.SID) <= maxSID
}

// findInPayload finds the session ID in a payload of either protocol. An
// Engine.IO 3 payload begins with a length, which is never "0" for an open
// packet; an Engine.IO 4 one with the packet itself.
func findInPayload(payload []byte) (openPacket, bool) {
	if len(payload) == 0 || payload[0] != openType {
		return findFramed(payload)
	}
	packet, end, ok := findInPacket(payload)
	if !ok || end < len(payload) && payload[end] != recordSeparator {
		return openPacket{}, false
	}
	return packet, true
}

// findInPacket finds the session ID in the packet that data begins with. It
// returns the offset behind the packet.
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
		if err != nil || !isString || packet.sidAt > 0 {
			return openPacket{}, 0, false
		}
		packet.SID = sid
		// Only space and the colon can stand before the value's own mark.
		packet.sidAt = 1 + colon + bytes.IndexByte(text[colon:], '"') + 1
	}
	if _, err := dec.Token(); err != nil || packet.sidAt == 0 {
		return openPacket{}, 0, false
	}
	packet.Lifetime = lifetime(string(interval), string(timeout))
	end = 1 + int(dec.InputOffset())
	rest := bytes.TrimLeft(data[end:], " \t\r\n") // JSON allows space behind it
	return packet, len(data) - len(rest), true
}
