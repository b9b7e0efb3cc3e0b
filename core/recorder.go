package core

import (
	"net/http"
	"strconv"
	"strings"
)

// maxOpen is how much of a reply the recorder holds back at most, in bytes. A
// real handshake has about a hundred.
const maxOpen = 64 << 10

// Recorder is an [http.ResponseWriter] that holds back the reply to a handshake
// poll until its session ID is bound. Any reply that is not a 200 with an open
// packet in its body, or has more than 64 KiB, or is encoded, reaches the
// client as it came, byte for byte, status and headers too; as soon as that is
// plain, the rest of it streams.
//
// It has no Unwrap method on purpose. A host that could reach the writer
// behind it, to flush it say, would commit a status that is still held back.
type Recorder struct {
	w   http.ResponseWriter
	tag func(http.Header) string

	// status is the one held back, 0 before there is one.
	status int
	held   []byte

	// passing says that the reply goes straight to w.
	passing bool

	// flush says that a flush was asked for that is still owed.
	flush bool

	sid string
}

// NewRecorder returns a Recorder in front of w. It asks for the upstream's tag
// once, when a session has been opened, and gives the reply's headers along. A
// tag that is not valid (see [ValidTag]), such as "", binds nothing.
func NewRecorder(w http.ResponseWriter, tag func(http.Header) string) *Recorder {
	return &Recorder{w: w, tag: tag}
}

// Header returns the headers of the writer behind, which are held back with
// the status, so that trailers work as they would without the recorder.
func (r *Recorder) Header() http.Header {
	return r.w.Header()
}

// WriteHeader takes the reply's status. It passes on informational ones at
// once, and the final one unless an open packet may follow.
func (r *Recorder) WriteHeader(status int) {
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		r.w.WriteHeader(status)
		return
	}
	if r.status != 0 {
		return // as net/http does, but it would have to tell its log
	}
	r.status = status
	if status != http.StatusOK || !mayBind(r.w.Header()) {
		_ = r.pass() // with nothing held back, nothing can fail
	}
}

// mayBind reports whether headers may be those of an open packet that can be
// read and changed.
func mayBind(header http.Header) bool {
	if encoding := header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return false
	}
	length, err := strconv.Atoi(header.Get("Content-Length"))
	return err != nil || length <= maxOpen
}

// Write takes a part of the reply's body.
func (r *Recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
	if r.passing {
		return r.w.Write(p)
	}
	if len(p) == 0 {
		return 0, nil
	}
	tooMuch := len(r.held)+len(p) > maxOpen
	if tooMuch || len(r.held) == 0 && !mayOpen(p[0]) {
		if err := r.pass(); err != nil {
			return 0, err
		}
		return r.w.Write(p)
	}
	r.held = append(r.held, p...)
	return len(p), nil
}

// FlushError flushes the writer behind, for [http.ResponseController], or does
// so later when the reply is held back.
func (r *Recorder) FlushError() error {
	if !r.passing {
		r.flush = true
		return nil
	}
	return http.NewResponseController(r.w).Flush()
}

// Flush is FlushError for hosts that know only [http.Flusher].
func (r *Recorder) Flush() {
	_ = r.FlushError() // an http.Flusher has no way to tell
}

// Close ends the reply: it binds the session ID of an open packet and sends
// what is held back. It reports whether there was an open packet, bound or
// not. The error is that of the writer behind.
func (r *Recorder) Close() (opened bool, err error) {
	if r.status == 0 || r.passing {
		return false, nil
	}
	packet, opened := findOpenPacket(r.held)
	if !opened {
		return false, r.pass()
	}
	tag := r.tag(r.w.Header())
	if levels := 1 + strings.Count(tag, separator); ValidTag(tag, levels) {
		r.bind(packet, tag)
	}
	return true, r.pass()
}

// SID returns the node's own session ID once Close has bound it.
func (r *Recorder) SID() string {
	return r.sid
}

// Abort sends what is held back as it came, for a reply that broke off: its
// client is to see what it would have seen.
func (r *Recorder) Abort() {
	if r.status == 0 || r.passing {
		return
	}
	r.flush = true // net/http drops what is not flushed on an abort
	_ = r.pass()
}

// bind replaces the body held back by one with a bound session ID.
func (r *Recorder) bind(packet openPacket, tag string) {
	bound := packet.bind(r.held, tag)
	header := r.w.Header()
	if length, err := strconv.Atoi(header.Get("Content-Length")); err == nil {
		header.Set("Content-Length", strconv.Itoa(length+len(bound)-len(r.held)))
	}
	r.held = bound
	r.sid = packet.sid
}

// pass sends what is held back and lets through what follows.
func (r *Recorder) pass() error {
	r.passing = true
	r.w.WriteHeader(r.status)
	if len(r.held) > 0 {
		if _, err := r.w.Write(r.held); err != nil {
			return err
		}
		r.held = nil
	}
	if r.flush {
		_ = r.FlushError() // a writer that cannot flush takes the rest all the same
	}
	return nil
}
