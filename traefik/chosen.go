package traefik

import (
	"net/http"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// chosen returns the tag of the server that answered a request: the values of
// the sticky cookies that Traefik's load balancers set on the reply or, as they
// set none when it is there already and good, that the request carried. A
// balancer without a sticky cookie has an empty level.
func chosen(a *Affinity, r *http.Request, header http.Header, opened core.Opened) string {
	values := make([]string, len(a.cookies))
	missing := ""
	for i, name := range a.cookies {
		values[i] = stickyValue(a, r, header, name)
		if values[i] == "" && missing == "" {
			missing = name
		}
	}
	tag := core.JoinLevels(values)
	if missing != "" && !isKept(a, opened) {
		warnMissing(a, missing, tag)
	}
	return tag
}

// stickyValue is chosen for one of the cookies. Traefik sets its cookies before
// the server that answers sets its own, so it is the first of a name. A request
// has a cookie here only where clients are to have them.
func stickyValue(a *Affinity, r *http.Request, header http.Header, name string) string {
	set := core.SetCookieValues(header, name)
	if len(set) > 1 {
		warnTwice(a, name)
	}
	if len(set) > 0 && a.form.ValidLevel(set[0]) {
		return set[0]
	}
	if cookie, err := r.Cookie(name); err == nil && a.form.ValidLevel(cookie.Value) {
		return cookie.Value
	}
	return ""
}

// isKept reports whether a session is kept already: where the middleware is
// twice in a chain, the inner one takes the cookies.
func isKept(a *Affinity, opened core.Opened) bool {
	_, _, bound := core.Split(opened.SID, a.form)
	return bound || isLearned(opened.SID)
}

// learn remembers the server of a session. It warns of a table that is full, at
// the first session that had to go, the tenth, the hundredth and so on.
func learn(a *Affinity, opened core.Opened, tag string) {
	tag = strings.Clone(tag) // which is a part of all that the cookie says
	if dropped, full := a.sessions.Learn(opened, tag); full && core.IsPowerOfTen(dropped) {
		say(a, "a learned Socket.IO session was dropped before its time, as there were too many; its client has to connect anew; "+
			"raise maxSessions (dropped: %d)", dropped)
	}
}
