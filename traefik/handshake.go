package traefik

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// isPollingHandshake reports whether a query is that of a handshake over HTTP
// long-polling. It has a "&" before it, and no session ID.
func isPollingHandshake(query string) bool {
	query += "&"
	return strings.Contains(query, core.PollingParam) &&
		strings.Count(query, core.TransportParam) == 1 && strings.Count(query, core.VersionParam) == 1 && core.VersionPattern.MatchString(query)
}

// serveKnownPath serves a handshake over HTTP long-polling whose path is known: a
// server of Engine.IO has answered one there with an open packet, which is short, so
// this response is recorded. The recorder is compiled; a writer of the plugin's own
// is interpreted.
func serveKnownPath(a *Affinity, w http.ResponseWriter, r *http.Request, query string) {
	if r.Method != http.MethodGet {
		serveSlowPath(a, w, r)
		return
	}
	if r.Header["Cookie"] != nil {
		unpin(a, r)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed body cannot be read
	header := w.Header()
	body := &bytes.Buffer{}
	recorder := &httptest.ResponseRecorder{HeaderMap: header, Body: body} //nolint:staticcheck // so that no header is copied
	recorded := &recording{a: a, w: w, r: r, recorder: recorder, query: query, path: r.URL.Path}
	defer abortRecorded(recorded) // Traefik panics if the server closes the connection early
	a.next.ServeHTTP(recorder, r)
	recorded.complete = true
	if recorder.Code != http.StatusOK || header["Content-Encoding"] != nil || !strings.Contains(query, a.versions.Tagged) {
		sendRecorded(recorded)
		return
	}
	found := a.taggedResponse.FindStringSubmatch(strings.Join(header["Set-Cookie"], "\n") + "\n" + body.String())
	if found == nil {
		replayRecorded(recorded)
		return
	}
	if !a.expose {
		delete(header, "Set-Cookie") // its only line sets the sticky cookie
	}
	delete(header, "Content-Length")                                                     // net/http adds it to a body of this size
	_, _ = w.Write([]byte(core.OpenPacketPrefix + found[1] + core.Separator + found[2])) //nolint:gosec // the pattern matches no markup
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

// sendRecorded sends a recorded response whose session gets no tag. It learns the
// session on its own if the response is what a stock server of Engine.IO sends behind
// a load balancer with one sticky cookie.
func sendRecorded(h *recording) {
	a, header, body := h.a, h.recorder.Header(), h.recorder.Body
	if h.recorder.Code != http.StatusOK || header["Content-Encoding"] != nil || !strings.Contains(h.query, a.versions.Learned) {
		replayRecorded(h)
		return
	}
	found := a.learnedResponse.FindStringSubmatch(strings.Join(header["Set-Cookie"], "\n") + "\n" + body.String())
	if found == nil {
		replayRecorded(h)
		return
	}
	handshake, tag, ok := core.MatchedHandshake(found)
	if !ok {
		replayRecorded(h)
		return
	}
	if dropped, full := core.Learn(a.sessions, handshake, tag); full {
		logDropped(a, dropped)
	}
	if !a.expose {
		delete(header, "Set-Cookie")
	}
	_, _ = h.w.Write(body.Bytes())
}

// replayRecorded sends any recorded response.
func replayRecorded(h *recording) {
	opened := false
	_, _ = replay(h, func() { opened = true }).Close() // fails only if the client has closed the connection
	if !opened {
		setPath(h.a, h.path, false)
	}
}

// abortRecorded sends what the server of an incomplete response has sent, without
// changes. It does nothing for a complete one, so it can be deferred.
func abortRecorded(h *recording) {
	if !h.complete {
		sendIncomplete(h)
	}
}

// sendIncomplete is abortRecorded for an incomplete response.
func sendIncomplete(h *recording) {
	replay(h, func() {}).Abort()
	setPath(h.a, h.path, false)
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
