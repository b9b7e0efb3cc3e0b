package traefik

import (
	"bufio"
	"bytes"
	"net/http"
)

// maxHead is the maximum number of bytes of a response's head to buffer.
const maxHead = 64 << 10

// headStripper is an [io.Writer] for the response on a hijacked HTTP/1 connection.
// It removes cookies from the head of the response, and passes everything after
// the head. It flushes the next writer after each write, because its own writes
// come from a bufio.Writer that was flushed.
type headStripper struct {
	next    *bufio.Writer
	cookies *strippedCookies

	// head is the buffered part of the head, and passThrough reports that the head
	// was sent.
	head        []byte
	passThrough bool
}

// Write implements [io.Writer].
func (h *headStripper) Write(p []byte) (int, error) {
	if h.passThrough {
		return passOn(h, p, len(p))
	}
	h.head = append(h.head, p...)
	end := bytes.Index(h.head, []byte("\r\n\r\n"))
	if end < 0 && len(h.head) < maxHead {
		return len(p), nil
	}
	h.passThrough = true
	return passOn(h, stripHead(h.cookies, h.head, end), len(p))
}

// passOn writes data, and reports that size bytes were written.
func passOn(h *headStripper, data []byte, size int) (int, error) {
	if _, err := h.next.Write(data); err != nil {
		return 0, err
	}
	return size, h.next.Flush()
}

// stripHead removes the Set-Cookie lines of the cookies from a response whose head
// ends at the offset end. If end is negative, it changes nothing.
func stripHead(cookies *strippedCookies, response []byte, end int) []byte {
	if end < 0 {
		return response
	}
	kept := make([]byte, 0, len(response))
	for i, line := range bytes.SplitAfter(response[:end+2], []byte("\n")) {
		if i == 0 || !isStripped(cookies, line) {
			kept = append(kept, line...)
		}
	}
	return append(kept, response[end+2:]...)
}

// isStripped reports whether a line of a head sets one of the cookies.
func isStripped(cookies *strippedCookies, line []byte) bool {
	const field = "Set-Cookie:"
	if len(line) < len(field) || !bytes.EqualFold(line[:len(field)], []byte(field)) {
		return false
	}
	header := http.Header{"Set-Cookie": {string(line[len(field):])}}
	strip(cookies, header, http.StatusSwitchingProtocols)
	return header["Set-Cookie"] == nil
}
