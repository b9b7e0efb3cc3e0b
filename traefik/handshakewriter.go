package traefik

import (
	"net/http"

	"github.com/eio-affinity/affinity/core"
)

// handshakeWriter is an [http.ResponseWriter] for the response to a handshake
// poll. It holds what a stock server sends, the status 200 and an open packet in a
// single write, for serveHandshakePoll. Any other response takes the slow path, a
// [core.HandshakeRewriter].
type handshakeWriter struct {
	http.ResponseWriter
	a *Affinity
	r *http.Request

	// state is one of the constants below.
	state int

	// packet is the open packet, in the state holdsPacket.
	packet string

	// rewriter is nil until the state is onSlowPath.
	rewriter *core.HandshakeRewriter
}

// The states of a handshakeWriter are what it has received.
const (
	isEmpty     = iota // nothing
	holdsStatus        // the status 200
	holdsPacket        // the status 200 and an open packet
	onSlowPath         // anything else, which the rewriter has received
	isSent             // the complete response, which was sent
)

// WriteHeader implements [http.ResponseWriter].
func (h *handshakeWriter) WriteHeader(status int) {
	if status == http.StatusOK && h.state == isEmpty {
		h.state = holdsStatus
		return
	}
	slowPath(h).WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (h *handshakeWriter) Write(p []byte) (int, error) {
	if h.state == holdsStatus && core.OpenPacketPattern.Match(p) {
		h.state = holdsPacket
		h.packet = string(p)
		return len(p), nil
	}
	return slowPath(h).Write(p)
}

// sendHandshake sends the open packet that the handshakeWriter holds. It is for
// responses that set more cookies than the only sticky one, or none.
func sendHandshake(h *handshakeWriter, header http.Header) {
	if tag := responderTag(h.a, h.r, header, core.ParseMatchedPacket(h.packet)); tag != "" {
		h.packet = core.BindMatchedPacket(h.packet, tag)
	}
	strip(h.a.stripped, header, http.StatusOK)
	_, _ = h.ResponseWriter.Write([]byte(h.packet))
}

// slowPath returns the rewriter of the response. The first call creates it, and
// passes it what the handshakeWriter holds.
func slowPath(h *handshakeWriter) *core.HandshakeRewriter {
	if h.state == onSlowPath {
		return h.rewriter
	}
	h.rewriter = newRewriter(h.a, h.ResponseWriter, func(header http.Header, handshake core.Handshake) string {
		return responderTag(h.a, h.r, header, handshake)
	})
	if h.state != isEmpty {
		h.rewriter.WriteHeader(http.StatusOK)
		_, _ = h.rewriter.Write([]byte(h.packet)) // the rewriter buffers it, so it cannot fail
	}
	h.state = onSlowPath
	return h.rewriter
}

// abortHandshake sends what the server of an incomplete response has sent, without
// changes. It does nothing for a complete one, so it can be deferred.
func abortHandshake(h *handshakeWriter) {
	if h.state != isSent {
		slowPath(h).Abort()
	}
}

// newRewriter returns a rewriter that also removes the sticky cookies.
func newRewriter(a *Affinity, w http.ResponseWriter, tag func(http.Header, core.Handshake) string) *core.HandshakeRewriter {
	rewriter := core.NewHandshakeRewriter(w, tag)
	rewriter.OnHeader = func(header http.Header, status int) { strip(a.stripped, header, status) }
	return rewriter
}
