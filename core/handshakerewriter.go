package core

import (
	"net/http"
	"strconv"
)

// maxBuffered is how much of a reply the rewriter holds back at most, in bytes. A
// real handshake has about a hundred.
const maxBuffered = 64 << 10

// HandshakeRewriter is an [http.ResponseWriter] that holds back the reply to a handshake
// poll until its session ID is bound. Any reply that is not a 200 with an open
// packet in its body, or has more than 64 KiB, or is encoded, reaches the
// client as it came, byte for byte, status and headers too; as soon as that is
// plain, the rest of it streams.
//
// It has no Unwrap method on purpose. A host that could reach the writer
// behind it, to flush it say, would commit a status that is still held back.
type HandshakeRewriter struct {
	// ResponseWriter is the writer behind. Its headers are the reply's own,
	// held back with the status, so that trailers work as they would without
	// the rewriter.
	http.ResponseWriter

	// Tag is asked by Close for the upstream's tag, when a session has been
	// opened. It gets the reply's headers, and what the open packet says. A tag
	// that is "", or has a byte that no tag has, binds nothing.
	Tag func(http.Header, Handshake) string

	// Cookies are those that the reply loses, if any.
	Cookies *HiddenCookies

	// status is the one held back, 0 before there is one.
	status int

	// held is the part of the body that is held back.
	held []byte

	// fresh says that the status is 200, and that nothing has followed it yet.
	// When all that follows is a stock open packet, stock has it, not held.
	fresh bool
	stock string

	// passing says that the reply goes straight to the writer behind.
	passing bool

	// flush says that a flush was asked for that is still owed.
	flush bool
}

// NewHandshakeRewriter returns a HandshakeRewriter in front of w.
func NewHandshakeRewriter(w http.ResponseWriter, tag func(http.Header, Handshake) string) *HandshakeRewriter {
	return &HandshakeRewriter{ResponseWriter: w, Tag: tag}
}

// WriteHeader takes the reply's status. It passes on informational ones at
// once, and the final one unless an open packet may follow.
func (r *HandshakeRewriter) WriteHeader(status int) {
	if status == http.StatusOK && r.status == 0 {
		r.status = status
		r.fresh = true
		return
	}
	takeStatus(r, status)
}

// takeStatus is WriteHeader for a status that no open packet follows.
func takeStatus(r *HandshakeRewriter, status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		hideFrom(r, status)
		r.ResponseWriter.WriteHeader(status)
		return
	}
	if r.status != 0 {
		return // as net/http does, but it would have to tell its log
	}
	r.status = status
	_ = pass(r) // with nothing held back, nothing can fail
}

// canRewrite reports whether headers may be those of an open packet that can be
// read and changed.
func canRewrite(header http.Header) bool {
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return false
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	return err != nil || length <= maxBuffered
}

// Write takes a part of the reply's body.
func (r *HandshakeRewriter) Write(p []byte) (int, error) {
	if r.fresh && openPacketPattern.Match(p) {
		r.fresh = false
		r.stock = string(p)
		return len(p), nil
	}
	return take(r, p)
}

// take is Write for what is not all of a stock open packet.
func take(r *HandshakeRewriter, p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if len(p) > 0 && !r.passing && !hold(r, p) {
		if err := pass(r); err != nil {
			return 0, err
		}
	}
	if r.passing {
		return r.ResponseWriter.Write(p)
	}
	return len(p), nil
}

// hold holds back a part of the body. It reports false when it is plain by now
// that there is nothing to bind.
func hold(r *HandshakeRewriter, p []byte) bool {
	r.fresh = false
	unstock(r)
	if len(r.held) == 0 && (!mayBeginOpenPacket(p[0]) || !canRewrite(r.Header())) || len(r.held)+len(p) > maxBuffered {
		return false
	}
	r.held = append(r.held, p...)
	return true
}

// unstock makes a stock open packet, if there is one, a body held back like any
// other.
func unstock(r *HandshakeRewriter) {
	if r.stock != "" {
		r.held, r.stock = []byte(r.stock), ""
	}
}

// FlushError flushes the writer behind, for [http.ResponseController], or does
// so later when the reply is held back.
func (r *HandshakeRewriter) FlushError() error {
	if r.fresh && !canRewrite(r.Header()) {
		_ = pass(r) // with nothing held back, nothing can fail
	}
	if !r.passing {
		r.flush = true
		return nil
	}
	return http.NewResponseController(r.ResponseWriter).Flush()
}

// Flush is FlushError for hosts that know only [http.Flusher].
func (r *HandshakeRewriter) Flush() {
	_ = r.FlushError() // an http.Flusher has no way to tell
}

// Close ends the reply: it binds the session ID of an open packet and sends
// what is held back. It reports whether there was an open packet, bound or
// not. The error is that of the writer behind.
func (r *HandshakeRewriter) Close() (opened bool, err error) {
	if r.status == 0 || r.passing {
		if r.status == 0 {
			hideFrom(r, http.StatusOK) // which it will be
		}
		return false, nil
	}
	unstock(r)
	packet, opened := findOpenPacket(r.held)
	if !opened || !canRewrite(r.Header()) {
		return false, pass(r)
	}
	tag := r.Tag(r.Header(), packet.Handshake)
	if isSafeTag(tag) {
		r.bind(packet, tag)
	}
	return true, pass(r)
}

// Abort sends what is held back as it came, for a reply that broke off: its
// client is to see what it would have seen. It does nothing for a reply that
// has ended, so it can be deferred.
func (r *HandshakeRewriter) Abort() {
	Abort(r)
}

// Abort is the method of that name, for a host that interprets this package.
func Abort(r *HandshakeRewriter) {
	if !r.passing {
		abort(r)
	}
}

// abort is Abort for a reply that has not ended.
func abort(r *HandshakeRewriter) {
	if r.status == 0 {
		return
	}
	r.flush = true // net/http drops what is not flushed on an abort
	_ = pass(r)
}

// bind replaces the body held back by one with a bound session ID.
func (r *HandshakeRewriter) bind(packet openPacket, tag string) {
	bound := packet.bind(r.held, tag)
	header := r.Header()
	if length, err := strconv.Atoi(header.Get("Content-Length")); err == nil {
		header.Set("Content-Length", strconv.Itoa(length+len(bound)-len(r.held)))
	}
	r.held = bound
}

// pass sends what is held back and lets through what follows.
func pass(r *HandshakeRewriter) error {
	r.passing = true
	r.fresh = false
	hideFrom(r, r.status)
	r.ResponseWriter.WriteHeader(r.status)
	unstock(r)
	if len(r.held) > 0 {
		if _, err := r.ResponseWriter.Write(r.held); err != nil {
			return err
		}
		r.held = nil
	}
	if r.flush {
		_ = r.FlushError() // a writer that cannot flush takes the rest all the same
	}
	return nil
}

// hideFrom takes out of the headers what the reply loses.
func hideFrom(r *HandshakeRewriter, status int) {
	if r.Cookies != nil {
		Hide(r.Cookies, r.Header(), status)
	}
}
