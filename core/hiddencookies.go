package core

import (
	"bufio"
	"net"
	"net/http"
)

// HiddenCookies are cookies that a host keeps to itself: replies lose them
// before a client sees them.
type HiddenCookies struct {
	// Names has the names of the cookies.
	Names []string

	// From is the lowest status of the replies that lose the cookies: 0 for all,
	// 400 for those that tell of an error.
	From int
}

// Hide takes the cookies out of the headers of a reply with this status.
func Hide(cookies *HiddenCookies, header http.Header, status int) {
	if header["Set-Cookie"] == nil || status < cookies.From {
		return
	}
	for _, name := range cookies.Names {
		DropSetCookie(header, name)
	}
}

// HidingWriter is an [http.ResponseWriter] that takes cookies out of a reply's
// headers, whatever the reply. Its body streams, and the connection can be
// hijacked.
//
// A host that interprets this package sees no more of it than those two
// interfaces, and so cannot flush it: it flushes by itself where a reply does
// not say its length. It has no Unwrap method, as [HandshakeRewriter] has none: a host
// that could reach the writer behind it would send headers that still have the
// cookies.
type HidingWriter struct {
	http.ResponseWriter
	Cookies *HiddenCookies

	// Begun says that the reply's final status is known. Where it is still false
	// in the end, [Hide] is to be asked, as the host will make it a 200.
	Begun bool

	// streams says that the body is flushed.
	streams bool
}

// WriteHeader takes the reply's status.
func (h *HidingWriter) WriteHeader(status int) {
	header := h.Header()
	if header["Set-Cookie"] != nil {
		Hide(h.Cookies, header, status)
	}
	h.Begun = status >= http.StatusOK
	h.ResponseWriter.WriteHeader(status)
	if header["Content-Length"] == nil {
		stream(h, header, status)
	}
}

// stream flushes the headers of a reply that does not say its length, and has
// its body flushed. It leaves an error alone: a host may be about to try again,
// and drops what is written, but not a flush.
func stream(h *HidingWriter, header http.Header, status int) {
	h.streams = h.Begun && status < http.StatusBadRequest
	// Without a type, the writer behind has to see the body first, for its type.
	if h.streams && header["Content-Type"] != nil {
		h.Flush()
	}
}

// Write takes a part of the reply's body.
func (h *HidingWriter) Write(p []byte) (int, error) {
	if !h.Begun {
		h.WriteHeader(http.StatusOK)
	}
	if h.streams {
		return writeThrough(h, p)
	}
	return h.ResponseWriter.Write(p)
}

// writeThrough is Write for a body that is flushed.
func writeThrough(h *HidingWriter, p []byte) (int, error) {
	n, err := h.ResponseWriter.Write(p)
	h.Flush()
	return n, err
}

// FlushError flushes the writer behind, for [http.ResponseController].
func (h *HidingWriter) FlushError() error {
	if !h.Begun {
		h.WriteHeader(http.StatusOK)
	}
	return http.NewResponseController(h.ResponseWriter).Flush()
}

// Flush is FlushError for hosts that know only [http.Flusher].
func (h *HidingWriter) Flush() {
	_ = h.FlushError() // a writer that cannot flush takes the rest all the same
}

// Hijack implements [http.Hijacker]. Whoever hijacks writes the reply's headers
// into the buffer, which need not be those of the writer behind, and all that
// follows into the connection, which is the real one.
func (h *HidingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	h.Begun = true
	Hide(h.Cookies, h.Header(), http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil || h.Cookies.From > http.StatusSwitchingProtocols {
		return conn, buffered, err
	}
	head := bufio.NewWriter(&hidingHead{next: buffered.Writer, cookies: h.Cookies})
	return conn, bufio.NewReadWriter(buffered.Reader, head), nil
}
