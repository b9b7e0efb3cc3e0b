package core

import (
	"strconv"
	"unicode/utf8"
)

const (
	// binaryString is the first byte of a string packet in Engine.IO 3's binary
	// framing, and binaryEnd the byte after the digits of its length.
	binaryString = 0x00
	binaryEnd    = 0xff

	// maxDigits is the maximum number of digits of a length, so that any length
	// fits an int. A body that the rewriter buffers has fewer.
	maxDigits = 9
)

// lengthDigits is the position and the notation of a packet's length.
type lengthDigits struct {
	start, end int
	// zero is the byte that means zero: '0' in string framing, and 0 in binary
	// framing, which writes each digit as a number.
	zero byte
}

// present reports whether the packet has a length.
func (d lengthDigits) present() bool { return d.end > d.start }

// append appends n in the notation of d.
func (d lengthDigits) append(to []byte, n int) []byte {
	for _, digit := range strconv.Itoa(n) {
		to = append(to, byte(digit)-'0'+d.zero)
	}
	return to
}

// findInV3Payload finds the open packet at the start of an Engine.IO 3 payload:
//
//	string framing: <length in characters> ":" <packet> …
//	binary framing: 0x00 <length in bytes, one byte per digit> 0xff <packet> …
func findInV3Payload(payload []byte) (openPacket, bool) {
	digits := lengthDigits{zero: '0'}
	stop := byte(':')
	if len(payload) > 0 && payload[0] == binaryString {
		digits = lengthDigits{start: 1}
		stop = binaryEnd
	}
	length := 0
	digits.end = digits.start
	for ; ; digits.end++ {
		if digits.end == len(payload) || digits.end-digits.start > maxDigits {
			return openPacket{}, false
		}
		c := payload[digits.end]
		if c == stop {
			break
		}
		if c < digits.zero || c > digits.zero+9 {
			return openPacket{}, false
		}
		length = length*10 + int(c-digits.zero)
	}
	if !digits.present() || payload[digits.start] == digits.zero {
		return openPacket{}, false
	}

	start := digits.end + 1
	size := length
	if stop == ':' {
		size = utf16PrefixLen(payload[start:], length)
	}
	if size > len(payload)-start {
		return openPacket{}, false
	}
	packet, end, ok := findInPacket(payload[start : start+size])
	if !ok || end != size {
		return openPacket{}, false
	}
	packet.sidOffset += start
	packet.length = length
	packet.digits = digits
	return packet, true
}

// utf16PrefixLen returns the length in bytes of the first n characters of text,
// or len(text)+1 if text has fewer. A character is a UTF-16 code unit, as in
// JavaScript, so those above U+FFFF count as two.
func utf16PrefixLen(text []byte, n int) int {
	size := 0
	for n > 0 && size < len(text) {
		r, width := utf8.DecodeRune(text[size:])
		size += width
		n--
		if r > 0xffff {
			n--
		}
	}
	if n != 0 {
		return len(text) + 1
	}
	return size
}
