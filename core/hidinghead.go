package core

import (
	"bufio"
	"bytes"
)

// maxHead is how much of a reply's head is held back at most, in bytes.
const maxHead = 64 << 10

// hidingHead is an [io.Writer] that takes cookies out of the head of an HTTP/1
// reply, and hands on what follows as it is. What it gets is a buffer that was
// flushed, and so is what it hands on.
type hidingHead struct {
	next    *bufio.Writer
	cookies *HiddenCookies

	// head is the head as far as it is known, and passing says that it has gone.
	head    []byte
	passing bool
}

// Write takes a part of the reply.
func (h *hidingHead) Write(p []byte) (int, error) {
	if h.passing {
		return handOn(h, p, len(p))
	}
	h.head = append(h.head, p...)
	end := bytes.Index(h.head, []byte("\r\n\r\n"))
	if end < 0 && len(h.head) < maxHead {
		return len(p), nil
	}
	h.passing = true
	return handOn(h, withoutCookies(h.head, end, h.cookies.Names), len(p))
}

// handOn writes all of a buffer that stands for so many bytes.
func handOn(h *hidingHead, all []byte, size int) (int, error) {
	if _, err := h.next.Write(all); err != nil {
		return 0, err
	}
	return size, h.next.Flush()
}

// withoutCookies returns a reply without the fields of its head, which ends at
// an offset, that set one of the cookies.
func withoutCookies(reply []byte, end int, names []string) []byte {
	if end < 0 {
		return reply
	}
	kept := make([]byte, 0, len(reply))
	for i, line := range bytes.SplitAfter(reply[:end+2], []byte("\n")) {
		if i == 0 || !setsOneOf(line, names) {
			kept = append(kept, line...)
		}
	}
	return append(kept, reply[end+2:]...)
}

// setsOneOf reports whether a field of a head sets one of the cookies.
func setsOneOf(line []byte, names []string) bool {
	const field = "Set-Cookie:"
	if len(line) < len(field) || !bytes.EqualFold(line[:len(field)], []byte(field)) {
		return false
	}
	name := cookieName(string(line[len(field):]))
	for _, hidden := range names {
		if name == hidden {
			return true
		}
	}
	return false
}
