package traefik

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// Affinity is the middleware. See the documentation of the package.
type Affinity struct {
	next http.Handler
	name string

	mode     core.Mode
	cookies  []string
	form     core.TagForm
	expose   bool
	stripped *strippedCookies

	// The patterns of the fast path: the RequestURI of a request with a tag, in two
	// variants, the query of a handshake, and the Set-Cookie line of the sticky
	// cookie. See fastpath.go in package core.
	boundURI, boundURIAnyParams, handshakeQuery, setCookie *regexp.Regexp

	// singleCookie reports that there is only one cookie, and cookiePrefix is its
	// name and "=".
	singleCookie bool
	cookiePrefix string

	// sessions has the learned sessions. It is nil if the mode learns none.
	sessions *core.Share

	warned warnings
}

// New returns a middleware with the given configuration and next handler. It
// returns an error if the configuration is invalid. Traefik calls it after
// [CreateConfig].
func New(_ context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	cookies, mode, err := config.validate()
	if err != nil {
		return nil, fmt.Errorf("middleware %s: %w", name, err)
	}
	if mode == core.ModeOff {
		return next, nil
	}
	form := stickyTags(len(cookies))
	a := &Affinity{
		next:              next,
		name:              name,
		mode:              mode,
		cookies:           cookies,
		form:              form,
		expose:            config.ExposeCookie,
		stripped:          &strippedCookies{names: cookies},
		boundURI:          core.BoundPattern(mode, form),
		boundURIAnyParams: core.BoundPatternAnyParams(mode, form),
		handshakeQuery:    core.HandshakePattern(mode),
		setCookie:         core.SetCookiePattern(cookies, form),
		singleCookie:      len(cookies) == 1,
		cookiePrefix:      cookies[0] + "=",
	}
	if mode.MayLearn() {
		a.sessions = learnedSessions(name, config.MaxSessions)
	}
	if a.expose {
		// A client that gets an error must not return to the same server.
		a.stripped.minStatus = http.StatusBadRequest
	}
	return a, nil
}

// stickyTags returns the form of tags with this number of levels. A level is the
// value of a sticky cookie: the first 16 hexadecimal digits of a SHA-256, see
// pkg/server/service/loadbalancer/sticky.go in Traefik.
func stickyTags(levels int) core.TagForm {
	return core.TagForm{Levels: levels, Length: 16, Alphabet: "0123456789abcdef"}
}

// ServeHTTP implements [http.Handler]. It passes requests that are not Engine.IO's
// to the next handler, with the original writer.
//
// The fast path comes first: requests of stock clients with a tag, then handshakes
// of stock clients. All other requests take the slow path. Each has a function of
// its own, because Yaegi allocates all variables of a function when it is called.
// They are functions because Yaegi takes longer to call a method.
func (a *Affinity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.RawQuery
	if !strings.Contains(query, core.VersionParam) {
		a.next.ServeHTTP(w, r)
		return
	}
	if len(r.RequestURI) > core.MaxFastPathLength {
		serveSlowPath(a, w, r)
		return
	}
	if !strings.Contains(query, core.SIDParam) {
		serveWithoutSID(a, w, r)
		return
	}
	groups := a.boundURI.FindStringSubmatch(r.RequestURI)
	if groups == nil {
		groups = a.boundURIAnyParams.FindStringSubmatch(r.RequestURI)
	}
	if groups == nil || groups[2] != query {
		serveSlowPath(a, w, r)
		return
	}
	serveBound(a, w, r, groups)
}

// serveBound serves a request with a tag. The groups are those of
// [core.BoundPattern].
func serveBound(a *Affinity, w http.ResponseWriter, r *http.Request, groups []string) {
	r.URL.RawQuery = groups[3] + groups[5]
	r.RequestURI = groups[1] + r.URL.RawQuery
	if a.singleCookie && r.Header["Cookie"] == nil {
		r.Header["Cookie"] = []string{a.cookiePrefix + groups[4]}
	} else {
		pin(a, r, groups[4])
	}
	if a.expose {
		a.next.ServeHTTP(w, r)
		return
	}
	// The same as serveStripped, without the cost of a call.
	stripper := &cookieStripper{ResponseWriter: w, cookies: a.stripped}
	a.next.ServeHTTP(stripper, r)
	if !stripper.wroteHeader {
		strip(a.stripped, w.Header(), http.StatusOK)
	}
}

// serveStripped calls the next handler, and removes the sticky cookies from the
// response.
func serveStripped(a *Affinity, w http.ResponseWriter, r *http.Request) {
	stripper := &cookieStripper{ResponseWriter: w, cookies: a.stripped}
	a.next.ServeHTTP(stripper, r)
	if !stripper.wroteHeader {
		strip(a.stripped, w.Header(), http.StatusOK)
	}
}

// serveWithoutSID serves a request without a session ID.
func serveWithoutSID(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header["Upgrade"] == nil && a.handshakeQuery.MatchString(r.URL.RawQuery) {
		serveHandshakePoll(a, w, r)
		return
	}
	serveSlowPath(a, w, r)
}

// serveHandshakePoll serves a handshake poll whose session ID gets a tag.
func serveHandshakePoll(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Header["Cookie"] != nil {
		unpin(a, r)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // the rewriter cannot read a compressed body
	h := &handshakeWriter{ResponseWriter: w, a: a, r: r}
	defer abortHandshake(h) // Traefik panics if the server closes the connection early
	a.next.ServeHTTP(h, r)
	header := w.Header()
	if h.state != holdsPacket || header["Content-Encoding"] != nil {
		_, _ = slowPath(h).Close() // fails only if the client has closed the connection
		return
	}
	h.state = isSent
	delete(header, "Content-Length") // net/http adds it to a body of this size
	if lines := header["Set-Cookie"]; len(lines) == 1 {
		if groups := a.setCookie.FindStringSubmatch(lines[0]); groups != nil {
			if !a.expose {
				delete(header, "Set-Cookie") // its only line sets the sticky cookie
			}
			_, _ = w.Write([]byte(core.BindMatchedPacket(h.packet, groups[1]))) //nolint:gosec // the patterns match no markup
			return
		}
	}
	sendHandshake(h, header)
}

// serveLearnedHandshake serves a handshake poll whose session is learned.
func serveLearnedHandshake(a *Affinity, w http.ResponseWriter, r *http.Request) {
	unpin(a, r)
	r.Header["Accept-Encoding"] = []string{"identity"}
	rewriter := newRewriter(a, w, func(header http.Header, handshake core.Handshake) string {
		if tag := responderTag(a, r, header, handshake); tag != "" {
			learn(a, handshake, tag)
		}
		return ""
	})
	defer rewriter.Abort()
	a.next.ServeHTTP(rewriter, r)
	_, _ = rewriter.Close() // fails only if the client has closed the connection
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
		serveNewSession(a, w, r, req)
		return
	case req.DecodedSID() == "":
		unpin(a, r) // with two session IDs, it may be a handshake for some servers
	}
	// Traefik sets a sticky cookie if the request has none, or that of an unknown or
	// unhealthy server.
	if a.expose {
		a.next.ServeHTTP(w, r)
		return
	}
	serveStripped(a, w, r)
}

// serveNewSession serves any request without a session ID.
func serveNewSession(a *Affinity, w http.ResponseWriter, r *http.Request, req core.Request) {
	polling := req.IsPollingHandshake(r)
	switch {
	case polling && a.mode.Tags(req.Version):
		serveHandshakePoll(a, w, r)
	case polling && a.mode.Learns(req.Version):
		serveLearnedHandshake(a, w, r)
	default:
		unpin(a, r)
		serveStripped(a, w, r)
	}
}
