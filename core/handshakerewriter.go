package core

import (
	"net/http"
	"strconv"
)

// maxBuffered is the maximum number of bytes of a body that the rewriter buffers.
// A real handshake has about a hundred.
const maxBuffered = 64 << 10

// HandshakeRewriter is an [http.ResponseWriter] for the response to a handshake
// poll. It buffers the response, and adds a tag to the session ID in the open
// packet. It passes any other response to the client byte for byte, with status
// and header: one whose status is not 200, that is compressed, that has no open
// packet, or that has more than 64 KiB. It stops buffering as soon as it finds
// that out.
//
// It deliberately has no Unwrap method. A proxy that flushes the wrapped writer
// directly would send the status and the header while they are still buffered.
type HandshakeRewriter struct {
	// ResponseWriter is the wrapped writer. Its header is the header of the
	// response, so trailers work.
	http.ResponseWriter

	// Tag returns the tag for a session that the response opens. Close calls it with
	// the header and the open packet. If it returns "" or an invalid tag, the session
	// ID is not changed. Required.
	Tag func(http.Header, Handshake) string

	// OnHeader, if it is not nil, is called before a status is sent, and may change
	// the header. Close calls it if there was no response, for which net/http sends
	// the status 200.
	OnHeader func(header http.Header, status int)

	// status is the final status, or 0 if there is none yet.
	status int

	// body is the buffered part of the body.
	body []byte

	// passThrough reports that the status has been sent and that nothing is
	// buffered any more.
	passThrough bool

	// flushPending reports that the proxy has called Flush while the response was
	// buffered.
	flushPending bool

	// unbound is why the response was passed without an open packet.
	unbound Unbound
}

// NewHandshakeRewriter returns a HandshakeRewriter that wraps w and calls tag for
// the tag of a session.
func NewHandshakeRewriter(w http.ResponseWriter, tag func(http.Header, Handshake) string) *HandshakeRewriter {
	return &HandshakeRewriter{ResponseWriter: w, Tag: tag}
}

// WriteHeader implements [http.ResponseWriter]. It buffers the status 200, and
// sends any other at once.
func (r *HandshakeRewriter) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		sendStatus(r, status)
		return
	}
	if r.status != 0 {
		return // net/http ignores a second status too
	}
	r.status = status
	if status != http.StatusOK {
		r.unbound = UnboundStatus
		_ = pass(r) // there is no body yet, so it cannot fail
	}
}

// Write implements [http.ResponseWriter].
func (r *HandshakeRewriter) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if !r.passThrough && len(p) > 0 && !buffer(r, p) {
		r.unbound = causeOf(r, len(p))
		if err := pass(r); err != nil {
			return 0, err
		}
	}
	if r.passThrough {
		return r.ResponseWriter.Write(p)
	}
	return len(p), nil
}

// FlushError flushes the wrapped writer, for [http.ResponseController]. While the
// response is buffered, it delays the flush.
func (r *HandshakeRewriter) FlushError() error {
	if r.status != 0 && !r.passThrough && len(r.body) == 0 && !canRewrite(r.Header()) {
		r.unbound = causeOf(r, 0)
		_ = pass(r) // there is no body yet, so it cannot fail
	}
	if !r.passThrough {
		r.flushPending = true
		return nil
	}
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (r *HandshakeRewriter) Flush() {
	_ = r.FlushError() // http.Flusher has no error
}

// Close adds the tag to the session ID, if the response has an open packet, and
// sends what is buffered. It reports whether the response has an open packet,
// even if the session ID was not changed. It returns the error of the wrapped
// writer.
func (r *HandshakeRewriter) Close() (opened bool, err error) {
	if r.status == 0 && r.OnHeader != nil {
		r.OnHeader(r.Header(), http.StatusOK)
	}
	if r.status == 0 || r.passThrough {
		return false, nil
	}
	packet, opened := findOpenPacket(r.body)
	if !opened || !canRewrite(r.Header()) {
		r.unbound = causeOf(r, 0)
		return false, pass(r)
	}
	if tag := r.Tag(r.Header(), packet.Handshake); isSafeTag(tag) {
		bind(r, packet, tag)
	}
	return true, pass(r)
}

// Abort sends and flushes what is buffered, without changes. It is for a response
// that the upstream has not completed. After Close it does nothing, so it can be
// deferred.
func (r *HandshakeRewriter) Abort() {
	if r.status == 0 || r.passThrough {
		return
	}
	r.unbound = UnboundIncomplete
	r.flushPending = true // net/http discards what is not flushed when a handler panics
	_ = pass(r)
}

// Unbound returns why the response has no open packet. It is for a response that
// Close or Abort has been called for.
func (r *HandshakeRewriter) Unbound() Unbound {
	if r.status == 0 {
		return UnboundNoReply
	}
	return r.unbound
}

// The functions below are not methods because Yaegi takes longer to call a method.

// canRewrite reports whether the body of a response with this header can be read
// and changed.
func canRewrite(header http.Header) bool {
	if isCompressed(header) {
		return false
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	return err != nil || length <= maxBuffered
}

// isCompressed reports whether the body of a response with this header is
// compressed.
func isCompressed(header http.Header) bool {
	encoding := header.Get("Content-Encoding")
	return encoding != "" && encoding != "identity"
}

// causeOf returns why a response cannot be buffered any further, if the next part
// of its body has this many bytes. The header does not say so once it was sent: a
// handler before this one may have changed it.
func causeOf(r *HandshakeRewriter, next int) Unbound {
	header := r.Header()
	switch {
	case isCompressed(header):
		return UnboundCompressed
	case len(r.body)+next > maxBuffered || !canRewrite(header):
		return UnboundTooLarge
	default:
		return UnboundNoOpenPacket
	}
}

// buffer buffers a part of the body. It reports false if the body is no open
// packet, or none that can be changed.
func buffer(r *HandshakeRewriter, p []byte) bool {
	if len(r.body) == 0 && (!mayBeginOpenPacket(p[0]) || !canRewrite(r.Header())) || len(r.body)+len(p) > maxBuffered {
		return false
	}
	r.body = append(r.body, p...)
	return true
}

// bind replaces the buffered body by one with a tag, and corrects its length.
func bind(r *HandshakeRewriter, packet openPacket, tag string) {
	bound := packet.bind(r.body, tag)
	header := r.Header()
	if length, err := strconv.Atoi(header.Get("Content-Length")); err == nil {
		header.Set("Content-Length", strconv.Itoa(length+len(bound)-len(r.body)))
	}
	r.body = bound
}

// pass sends what is buffered, and stops buffering.
func pass(r *HandshakeRewriter) error {
	r.passThrough = true
	sendStatus(r, r.status)
	if len(r.body) > 0 {
		if _, err := r.ResponseWriter.Write(r.body); err != nil {
			return err
		}
		r.body = nil
	}
	if r.flushPending {
		_ = r.FlushError() // a writer that cannot flush still takes the rest
	}
	return nil
}

// sendStatus sends a status and the header.
func sendStatus(r *HandshakeRewriter, status int) {
	if r.OnHeader != nil {
		r.OnHeader(r.Header(), status)
	}
	r.ResponseWriter.WriteHeader(status)
}
