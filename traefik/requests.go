package traefik

import (
	"net/http"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// The functions here are not methods because Yaegi takes longer to call a method.

// serveOther serves a request unless newHandler serves it. Its query has a "&" before
// it. It passes requests that are not Engine.IO's to the next handler, with the
// original writer.
//
// A WebSocket takes the shortest way to the next handler, because the functions on
// the way keep their memory until it ends.
func serveOther(a *Affinity, w http.ResponseWriter, r *http.Request, query string) {
	switch {
	case !strings.Contains(query, core.VersionParam):
		a.next.ServeHTTP(w, r)
	case strings.Contains(query, core.SIDParam):
		serveSession(a, w, r, query)
	case r.Header["Upgrade"] != nil:
		unpin(a, r)
		serveStripped(a, w, r)
	case a.paths.Load().(map[string]bool)[r.URL.Path] && (core.StockHandshakePattern.MatchString(query) || isPollingHandshake(query)):
		serveKnownPath(a, w, r, query)
	default:
		serveSlowPath(a, w, r)
	}
}

// serveSession serves a request with a session ID, unless newHandler serves it. If
// the session was learned, it does so on its own.
func serveSession(a *Affinity, w http.ResponseWriter, r *http.Request, query string) {
	_, sid, _ := strings.Cut(query, core.SIDParam)
	if !strings.Contains(query, a.versions.Learned) || strings.Contains(sid, core.SIDParam) || strings.ContainsAny(sid, "%+") {
		serveSlowPath(a, w, r)
		return
	}
	if end := strings.IndexByte(sid, '&'); end >= 0 {
		sid = sid[:end]
	}
	tag := core.FindAny(a.sessions, sid)
	if len(tag) != a.tagLength { // it may be older than the configuration
		serveSlowPath(a, w, r)
		return
	}
	if a.singleCookie && r.Header["Cookie"] == nil {
		r.Header["Cookie"] = []string{a.cookiePrefix + tag}
	} else {
		pin(a, r, tag)
	}
	if a.expose || r.Header["Upgrade"] != nil {
		servePinned(a, w, r)
		return
	}
	// The same as serveStripped, without the cost of a call.
	stripper := &cookieStripper{ResponseWriter: w, cookies: a.stripped}
	a.next.ServeHTTP(stripper, r)
	if !stripper.passing {
		finish(stripper)
	}
}

// servePinned calls the next handler, and removes the sticky cookies from the
// response where the configuration says so.
func servePinned(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if a.expose {
		a.next.ServeHTTP(w, r)
		return
	}
	serveStripped(a, w, r)
}

// serveStripped calls the next handler, and removes the sticky cookies from the
// response.
func serveStripped(a *Affinity, w http.ResponseWriter, r *http.Request) {
	stripper := &cookieStripper{ResponseWriter: w, cookies: a.stripped}
	if r.Header["Upgrade"] == nil {
		a.next.ServeHTTP(stripper, r)
	} else {
		a.next.ServeHTTP(&hijackStripper{stripper}, r)
	}
	if !stripper.passing {
		finish(stripper)
	}
}

// serveSlowPath serves any request that may be Engine.IO's.
func serveSlowPath(a *Affinity, w http.ResponseWriter, r *http.Request) {
	req, isEngineIO := core.ParseRequest(r.URL.RawQuery)
	if !isEngineIO {
		a.next.ServeHTTP(w, r)
		return
	}
	reason, tag := core.Resolve(req, a.mode, a.form, a.sessions, nil)
	if reason == core.ReasonTag {
		req.Unbind(r, tag)
	}
	switch {
	case tag != "":
		pin(a, r, tag)
	case req.IsHandshake():
		serveOpening(a, w, r, req)
		return
	case req.DecodedSID() == "":
		unpin(a, r) // with two session IDs, it may be a handshake for some servers
	}
	// Traefik sets a sticky cookie if the request has none, or that of an unknown or
	// unhealthy server.
	servePinned(a, w, r)
}

// serveOpening serves any request without a session ID.
func serveOpening(a *Affinity, w http.ResponseWriter, r *http.Request, req core.Request) {
	polling := req.IsPollingHandshake(r)
	switch {
	case polling && (a.mode.Tags(req.Version) || a.mode.Learns(req.Version)):
		serveHandshake(a, w, r)
	default:
		unpin(a, r)
		serveStripped(a, w, r)
	}
}
