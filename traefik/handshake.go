package traefik

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// serveNewSession serves a request without a session ID. The query has a "&" before
// it.
//
// A WebSocket takes the shortest way to the next handler, because the functions on
// the way keep their memory until it ends.
func serveNewSession(a *Affinity, w http.ResponseWriter, r *http.Request, query string) {
	switch {
	case r.Header["Upgrade"] != nil:
		unpin(a, r)
		serveStripped(a, w, r)
	case a.paths.Load().(map[string]bool)[r.URL.Path] && strings.Contains(query, core.PollingParam) && r.Method == http.MethodGet:
		serveKnownPath(a, w, r, query)
	default:
		serveSlowPath(a, w, r)
	}
}

// serveKnownPath serves a handshake over HTTP long-polling whose path is known: a
// server of Engine.IO has answered one there with an open packet, which is short, so
// this response is recorded. The recorder is compiled; a writer of the plugin's own
// is interpreted.
func serveKnownPath(a *Affinity, w http.ResponseWriter, r *http.Request, query string) {
	path := r.URL.Path // another handler may change it
	if r.Header["Cookie"] != nil {
		unpin(a, r)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed body cannot be read
	header := w.Header()
	body := &bytes.Buffer{}
	recorded := &recording{
		a: a, w: w, r: r, query: query, path: path,
		recorder: &httptest.ResponseRecorder{HeaderMap: header, Body: body}, //nolint:staticcheck // so that no header is copied
	}
	defer abortRecorded(recorded) // Traefik panics if the server closes the connection early
	a.next.ServeHTTP(recorded.recorder, r)
	recorded.complete = true
	if lines := header["Set-Cookie"]; len(lines) == 1 && recorded.recorder.Code == http.StatusOK && header["Content-Encoding"] == nil &&
		strings.Contains(query, a.versions.Tagged) {
		packet := body.String()
		if found := a.setCookie.FindStringSubmatch(lines[0]); found != nil && core.OpenPacketPattern.MatchString(packet) {
			if !a.expose {
				delete(header, "Set-Cookie") // its only line sets the sticky cookie
			}
			delete(header, "Content-Length") // net/http adds it to a body of this size
			packet = core.OpenPacketPrefix + found[1] + core.Separator + packet[len(core.OpenPacketPrefix):]
			_, _ = w.Write([]byte(packet)) //nolint:gosec // the patterns match no markup
			return
		}
	}
	sendRecorded(recorded)
}

// recording is a response to a handshake poll that is recorded.
type recording struct {
	a           *Affinity
	w           http.ResponseWriter
	r           *http.Request
	query, path string

	// recorder has the header of w. Its status is 0 if there is no response.
	recorder *httptest.ResponseRecorder

	// complete reports that the response is complete.
	complete bool
}

// sendRecorded sends a recorded response that is not what a stock server of
// Engine.IO 4 sends behind a load balancer with one sticky cookie.
func sendRecorded(h *recording) {
	a, header, body := h.a, h.recorder.Header(), h.recorder.Body
	if h.recorder.Code == http.StatusOK && header["Content-Encoding"] == nil && strings.Contains(h.query, a.versions.Learned) {
		found := a.learnedHandshake.FindStringSubmatch(strings.Join(header["Set-Cookie"], "\n") + "\n" + body.String())
		if found != nil {
			if handshake, ok := core.ParseMatchedHandshake(found); ok {
				learn(a, handshake, found[1])
				if !a.expose {
					delete(header, "Set-Cookie")
				}
				_, _ = h.w.Write(body.Bytes())
				return
			}
		}
	}
	opened := false
	_, _ = replay(h, func() { opened = true }).Close() // fails only if the client has closed the connection
	if !opened {
		setPath(a, h.path, false)
	}
}

// abortRecorded sends what the server of an incomplete response has sent, without
// changes. It does nothing for a complete one, so it can be deferred.
func abortRecorded(h *recording) {
	if !h.complete {
		replay(h, func() {}).Abort()
		setPath(h.a, h.path, false)
	}
}

// replay returns a rewriter that has received a recorded response.
func replay(h *recording, opened func()) *core.HandshakeRewriter {
	rewriter := newRewriter(h.a, h.w, h.r, h.query, opened)
	if h.recorder.Code != 0 {
		rewriter.WriteHeader(h.recorder.Code)
		_, _ = rewriter.Write(h.recorder.Body.Bytes())
	}
	return rewriter
}

// serveHandshake serves any handshake poll whose session is learned, or whose
// session ID gets a tag.
func serveHandshake(a *Affinity, w http.ResponseWriter, r *http.Request) {
	unpin(a, r)
	r.Header["Accept-Encoding"] = []string{"identity"}
	path := r.URL.Path // another handler may change it
	rewriter := newRewriter(a, w, r, "&"+r.URL.RawQuery, func() { setPath(a, path, true) })
	defer rewriter.Abort() // Traefik panics if the server closes the connection early
	a.next.ServeHTTP(rewriter, r)
	_, _ = rewriter.Close() // fails only if the client has closed the connection
}

// newRewriter returns a rewriter of the response to a handshake poll that also
// removes the sticky cookies. It calls opened if the response opens a session, and
// had no informational status before.
func newRewriter(a *Affinity, w http.ResponseWriter, r *http.Request, query string, opened func()) *core.HandshakeRewriter {
	req, _ := core.ParseRequest(query[1:])
	informed := false
	rewriter := core.NewHandshakeRewriter(w, func(header http.Header, handshake core.Handshake) string {
		if !informed { // a recorder keeps an informational status, and not the next one
			opened()
		}
		tag := responderTag(a, r, header, handshake)
		if tag == "" {
			return ""
		}
		if a.mode.Learns(req.Version) {
			learn(a, handshake, tag)
			return ""
		}
		return tag
	})
	rewriter.OnHeader = func(header http.Header, status int) {
		informed = informed || status < http.StatusOK
		strip(a.stripped, header, status)
	}
	return rewriter
}
