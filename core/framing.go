package core

import (
	"strconv"
	"unicode/utf8"
)

const (
	// binaryString begins a string packet in Engine.IO 3's binary framing,
	// binaryEnd ends the digits of its length.
	binaryString = 0x00
	binaryEnd    = 0xff

	// maxDigits bounds the digits of a length, so that it fits any int. A body
	// that is held back has fewer.
	maxDigits = 9
)

// digits is where and how a packet's length is written.
type digits struct {
	at, end int
	// zero is the byte that stands for zero: '0' in string framing, and 0 in
	// binary framing, which writes each digit as a number.
	zero byte
}

// present reports whether there are any.
func (d digits) present() bool { return d.end > d.at }

// append writes n the way d is written.
func (d digits) append(to []byte, n int) []byte {
	for _, digit := range strconv.Itoa(n) {
		to = append(to, byte(digit)-'0'+d.zero)
	}
	return to
}

// findFramed finds the session ID in the first packet of an Engine.IO 3
// payload:
//
//	string framing: <length in characters> ":" <packet> …
//	binary framing: 0x00 <length in bytes, a digit a byte> 0xff <packet> …
func findFramed(payload []byte) (openPacket, bool) {
	where := digits{zero: '0'}
	stop := byte(':')
	if len(payload) > 0 && payload[0] == binaryString {
		where = digits{at: 1}
		stop = binaryEnd
	}
	length := 0
	where.end = where.at
	for ; ; where.end++ {
		if where.end == len(payload) || where.end-where.at > maxDigits {
			return openPacket{}, false
		}
		c := payload[where.end]
		if c == stop {
			break
		}
		if c < where.zero || c > where.zero+9 {
			return openPacket{}, false
		}
		length = length*10 + int(c-where.zero)
	}
	if !where.present() || payload[where.at] == where.zero {
		return openPacket{}, false
	}

	start := where.end + 1
	size := length
	if stop == ':' {
		size = characters(payload[start:], length)
	}
	if size > len(payload)-start {
		return openPacket{}, false
	}
	packet, end, ok := findInPacket(payload[start : start+size])
	if !ok || end != size {
		return openPacket{}, false
	}
	packet.sidAt += start
	packet.length = length
	packet.digits = where
	return packet, true
}

// characters returns how many bytes of text its first n characters take, or
// more than there are when it has fewer. A character is what JavaScript counts
// as one, a UTF-16 code unit: those above U+FFFF count two.
func characters(text []byte, n int) int {
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
