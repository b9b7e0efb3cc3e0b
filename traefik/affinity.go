package traefik

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// Affinity is the middleware. See the package's documentation.
type Affinity struct {
	next http.Handler
	name string

	mode    core.Mode
	cookies []string
	form    core.TagForm
	expose  bool

	// hidden are the sticky cookies, and which replies lose them.
	hidden *core.HiddenCookies

	// bound, boundAnyParams and opening match stock requests, sticky a stock
	// Set-Cookie: see core's stock.go for what is stock, and why.
	bound, boundAnyParams, opening, sticky *regexp.Regexp

	// singleCookie reports that there is only one cookie, and cookiePrefix is its
	// name and "=".
	singleCookie bool
	cookiePrefix string

	// sessions has the sessions that are learned.
	sessions *core.Share

	// bare is the header that a stock reply to a handshake loses, if any.
	bare string

	warned warnings
}

// New returns the middleware of a configuration, in front of next. It is
// Traefik's entry point, together with [CreateConfig].
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
		next:           next,
		name:           name,
		mode:           mode,
		cookies:        cookies,
		form:           form,
		expose:         config.ExposeCookie,
		hidden:         &core.HiddenCookies{Names: cookies},
		bound:          core.BoundPattern(mode, form),
		boundAnyParams: core.BoundPatternAnyParams(mode, form),
		opening:        core.HandshakePattern(mode),
		sticky:         core.SetCookiePattern(cookies, form),
		singleCookie:   len(cookies) == 1,
		cookiePrefix:   cookies[0] + "=",
	}
	if mode.MayLearn() {
		a.sessions = learnedSessions(name, config.MaxSessions)
	}
	if a.expose {
		a.hidden.From = http.StatusBadRequest // nobody is to come back to an error
	} else {
		a.bare = "Set-Cookie"
	}
	return a, nil
}

// stickyTags is the form of the tags of so many levels: each level is the value
// of a sticky cookie, for which Traefik takes the first 16 hexadecimal digits of
// a SHA-256 (pkg/server/service/loadbalancer/sticky.go), whatever the balancer.
func stickyTags(levels int) core.TagForm {
	return core.TagForm{Levels: levels, Length: 16, Alphabet: "0123456789abcdef"}
}

// ServeHTTP implements [http.Handler]. What is not Engine.IO's goes on at once,
// with the writer that it came with.
//
// Then it asks for what there is most of, requests of stock clients' sessions,
// then for handshakes of stock clients, then for anything. Each has a function
// to itself, since the interpreter makes room for all that a function may need
// whenever it is called; none is a method, since methods cost more to call.
func (a *Affinity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.RawQuery
	if !strings.Contains(query, core.VersionParam) {
		a.next.ServeHTTP(w, r)
		return
	}
	if len(r.RequestURI) > core.MaxFastPathLength {
		serveSlow(a, w, r)
		return
	}
	if !strings.Contains(query, core.SIDParam) {
		serveFastHandshake(a, w, r)
		return
	}
	part := a.bound.FindStringSubmatch(r.RequestURI)
	if part == nil {
		part = a.boundAnyParams.FindStringSubmatch(r.RequestURI)
	}
	if part == nil || part[2] != query {
		serveSlow(a, w, r)
		return
	}
	serveBound(a, w, r, part)
}

// serveBound serves a request of a session that core's BoundPattern has matched.
func serveBound(a *Affinity, w http.ResponseWriter, r *http.Request, part []string) {
	r.URL.RawQuery = part[3] + part[5]
	r.RequestURI = part[1] + r.URL.RawQuery
	if a.singleCookie && r.Header["Cookie"] == nil {
		r.Header["Cookie"] = []string{a.cookiePrefix + part[4]}
	} else {
		pin(a, r, part[4])
	}
	if a.expose {
		a.next.ServeHTTP(w, r)
		return
	}
	// As serveHidden, whose call would cost as much as this.
	hiding := &core.HidingWriter{ResponseWriter: w, Cookies: a.hidden}
	a.next.ServeHTTP(hiding, r)
	if !hiding.Begun {
		core.Hide(a.hidden, w.Header(), http.StatusOK)
	}
}

// serveNext has Traefik answer a request that opens no session by polling. It
// sets a sticky cookie when it does not know the server that the request names,
// or finds it unhealthy.
func serveNext(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if a.expose {
		a.next.ServeHTTP(w, r)
		return
	}
	serveHidden(a, w, r)
}

// serveHidden has Traefik answer a request, and takes the sticky cookies off the
// reply.
func serveHidden(a *Affinity, w http.ResponseWriter, r *http.Request) {
	hiding := &core.HidingWriter{ResponseWriter: w, Cookies: a.hidden}
	a.next.ServeHTTP(hiding, r)
	if !hiding.Begun {
		core.Hide(a.hidden, w.Header(), http.StatusOK)
	}
}

// serveFastHandshake serves a request that names no session.
func serveFastHandshake(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header["Upgrade"] == nil && a.opening.MatchString(r.URL.RawQuery) {
		serveHandshakePoll(a, w, r)
		return
	}
	serveSlow(a, w, r)
}

// serveHandshakePoll serves a handshake poll.
func serveHandshakePoll(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Header["Cookie"] != nil {
		unpin(a, r)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	rewriter := &core.HandshakeRewriter{ResponseWriter: w, Cookies: a.hidden}
	defer core.Abort(rewriter) // Traefik panics when its server breaks off
	a.next.ServeHTTP(rewriter, r)
	header := w.Header()
	if cookies := header["Set-Cookie"]; len(cookies) == 1 {
		part := a.sticky.FindStringSubmatch(cookies[0])
		if part != nil && core.BindFastPath(rewriter, header, part[1], a.bare) {
			return
		}
	}
	finish(a, rewriter, r)
}

// finish ends the reply to a handshake poll, and binds the session that it
// opens to the server that Traefik chose.
func finish(a *Affinity, rewriter *core.HandshakeRewriter, r *http.Request) {
	rewriter.Tag = func(header http.Header, handshake core.Handshake) string {
		return responderTag(a, r, header, handshake)
	}
	_, _ = rewriter.Close() // the client has gone, and nobody is left to tell
}

// serveLearnedHandshake serves a handshake poll whose session is to be learned.
func serveLearnedHandshake(a *Affinity, w http.ResponseWriter, r *http.Request) {
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	rewriter := core.NewHandshakeRewriter(w, func(header http.Header, handshake core.Handshake) string {
		if tag := responderTag(a, r, header, handshake); tag != "" {
			learn(a, handshake, tag)
		}
		return ""
	})
	rewriter.Cookies = a.hidden
	defer core.Abort(rewriter) // Traefik panics when its server breaks off
	a.next.ServeHTTP(rewriter, r)
	_, _ = rewriter.Close() // the client has gone, and nobody is left to tell
}

// serveSlow serves any request that may be Engine.IO's.
func serveSlow(a *Affinity, w http.ResponseWriter, r *http.Request) {
	req, isEngineIO := core.ParseRequest(r.URL.RawQuery)
	if !isEngineIO {
		a.next.ServeHTTP(w, r)
		return
	}
	by, tag := core.Resolve(req, a.mode, a.form, a.sessions, nil)
	if by == core.ReasonTag {
		req.Unbind(r, tag)
	}
	if tag != "" {
		pin(a, r, tag)
	} else if req.IsHandshake() {
		serveNewSession(a, w, r, req)
		return
	} else if req.DecodedSID() == "" {
		unpin(a, r) // it names two sessions, and some server may take it for a handshake
	}
	serveNext(a, w, r)
}

// serveNewSession serves any request that names no session.
func serveNewSession(a *Affinity, w http.ResponseWriter, r *http.Request, req core.Request) {
	polling := req.IsPollingHandshake(r)
	if polling && a.mode.Tags(req.Version) {
		serveHandshakePoll(a, w, r)
		return
	}
	unpin(a, r)
	if polling && a.mode.Learns(req.Version) {
		serveLearnedHandshake(a, w, r)
		return
	}
	serveHidden(a, w, r)
}
