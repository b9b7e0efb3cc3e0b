package traefik

import (
	"net/http"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// responderTag returns the tag of the server that answered a handshake: the values
// of the sticky cookies that Traefik's load balancers set in the response. If the
// request already had a valid one, Traefik does not set it again, so then it is
// that one. The level of a load balancer without a sticky cookie is empty.
func responderTag(a *Affinity, r *http.Request, header http.Header, handshake core.Handshake) string {
	values := make([]string, len(a.cookies))
	missing := ""
	for i, name := range a.cookies {
		values[i] = stickyValue(a, r, header, name)
		if values[i] == "" && missing == "" {
			missing = name
		}
	}
	tag := core.JoinLevels(values)
	if missing != "" && !isPinned(a, handshake) {
		warnMissingCookie(a, missing, tag)
	}
	return tag
}

// stickyValue returns the value of one sticky cookie, or "". Traefik sets its
// cookies before the server sets its own, so the first one with the name is
// Traefik's. A request still has a sticky cookie here only if ExposeCookie is set.
func stickyValue(a *Affinity, r *http.Request, header http.Header, name string) string {
	values := core.SetCookieValues(header, name)
	if len(values) > 1 {
		warnDuplicateCookie(a, name)
	}
	if len(values) > 0 && a.form.ValidLevel(values[0]) {
		return values[0]
	}
	if cookie, err := r.Cookie(name); err == nil && a.form.ValidLevel(cookie.Value) {
		return cookie.Value
	}
	return ""
}

// isPinned reports whether another instance of the middleware in the same chain
// has pinned the session. That one has also removed the cookies.
func isPinned(a *Affinity, handshake core.Handshake) bool {
	_, _, bound := core.Split(handshake.SID, a.form)
	return bound || isLearned(handshake.SID)
}

// learn remembers the server of a session.
func learn(a *Affinity, handshake core.Handshake, tag string) {
	tag = strings.Clone(tag) // it is a part of the whole Set-Cookie line
	if dropped, full := core.Learn(a.sessions, handshake, tag); full {
		logDropped(a, dropped)
	}
}

// pin sets the sticky cookies of a request to the levels of a tag, and removes any
// others with their names.
func pin(a *Affinity, r *http.Request, tag string) {
	if a.singleCookie {
		core.ReplaceCookie(r.Header, a.cookies[0], tag)
		return
	}
	for i, value := range core.Levels(tag) {
		if value == "" {
			core.DropCookie(r.Header, a.cookies[i])
		} else {
			core.ReplaceCookie(r.Header, a.cookies[i], value)
		}
	}
}

// unpin removes the sticky cookies from a request that opens a session, unless
// ExposeCookie is set. A client may have received them with a page, or made them
// up, and they may select a server that is overloaded, about to be removed, or
// dead.
func unpin(a *Affinity, r *http.Request) {
	if a.expose {
		return
	}
	for _, name := range a.cookies {
		core.DropCookie(r.Header, name)
	}
}
