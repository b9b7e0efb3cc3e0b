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

	// bound, boundAny and opening match stock requests, sticky a stock
	// Set-Cookie: see core's stock.go for what is stock, and why.
	bound, boundAny, opening, sticky *regexp.Regexp

	// single says that there is only one cookie, and pair is its name and "=".
	single bool
	pair   string

	// sessions has the sessions that are learned.
	sessions *core.Share

	// bare is the header that a stock reply to a handshake loses, if any.
	bare string

	warned warnings
}

// New returns the middleware of a configuration, in front of next. It is
// Traefik's entry point, together with [CreateConfig].
func New(_ context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	cookies, mode, err := config.check()
	if err != nil {
		return nil, fmt.Errorf("middleware %s: %w", name, err)
	}
	if mode == core.ModeOff {
		return next, nil
	}
	form := stickyTags(len(cookies))
	a := &Affinity{
		next:     next,
		name:     name,
		mode:     mode,
		cookies:  cookies,
		form:     form,
		expose:   config.ExposeCookie,
		hidden:   &core.HiddenCookies{Names: cookies},
		bound:    core.StockBound(mode, form),
		boundAny: core.AnyBound(mode, form),
		opening:  core.StockOpening(mode),
		sticky:   core.StockSetCookie(cookies, form),
		single:   len(cookies) == 1,
		pair:     cookies[0] + "=",
	}
	if mode.MayLearn() {
		a.sessions = tableOf(name, config.MaxSessions)
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
	if !strings.Contains(query, core.VersionMark) {
		a.next.ServeHTTP(w, r)
		return
	}
	if len(r.RequestURI) > core.StockLength {
		serveAny(a, w, r)
		return
	}
	if !strings.Contains(query, core.SessionMark) {
		serveHandshake(a, w, r)
		return
	}
	part := a.bound.FindStringSubmatch(r.RequestURI)
	if part == nil {
		part = a.boundAny.FindStringSubmatch(r.RequestURI)
	}
	if part == nil || part[2] != query {
		serveAny(a, w, r)
		return
	}
	serveBound(a, w, r, part)
}

// serveBound serves a request of a session that core's StockBound has matched.
func serveBound(a *Affinity, w http.ResponseWriter, r *http.Request, part []string) {
	r.URL.RawQuery = part[3] + part[5]
	r.RequestURI = part[1] + r.URL.RawQuery
	if a.single && r.Header["Cookie"] == nil {
		r.Header["Cookie"] = []string{a.pair + part[4]}
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

// pin gives a request the sticky cookies that a tag stands for, one for each
// level that it has, in the place of those that it brought.
func pin(a *Affinity, r *http.Request, tag string) {
	if a.single {
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

// serveHandshake serves a request that names no session.
func serveHandshake(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header["Upgrade"] == nil && a.opening.MatchString(r.URL.RawQuery) {
		serveOpening(a, w, r)
		return
	}
	serveAny(a, w, r)
}

// serveOpening serves a handshake poll.
func serveOpening(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Header["Cookie"] != nil {
		forget(a, r)
	}
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	rewriter := &core.HandshakeRewriter{ResponseWriter: w, Cookies: a.hidden}
	defer core.Abort(rewriter) // Traefik panics when its server breaks off
	a.next.ServeHTTP(rewriter, r)
	header := w.Header()
	if cookies := header["Set-Cookie"]; len(cookies) == 1 {
		part := a.sticky.FindStringSubmatch(cookies[0])
		if part != nil && core.BindStock(rewriter, header, part[1], a.bare) {
			return
		}
	}
	finish(a, rewriter, r)
}

// forget takes the sticky cookies off a request that opens a session, unless
// clients are to have them. A client may have got them with a page, or made them
// up, and they would take it to a server that is full, that Traefik is about to
// remove, or that is dead.
func forget(a *Affinity, r *http.Request) {
	if a.expose {
		return
	}
	for _, name := range a.cookies {
		core.DropCookie(r.Header, name)
	}
}

// finish ends the reply to a handshake poll, and binds the session that it
// opens to the server that Traefik chose.
func finish(a *Affinity, rewriter *core.HandshakeRewriter, r *http.Request) {
	rewriter.Tag = func(header http.Header, opened core.Opened) string {
		return chosen(a, r, header, opened)
	}
	_, _ = rewriter.Close() // the client has gone, and nobody is left to tell
}

// serveLearning serves a handshake poll whose session is to be learned.
func serveLearning(a *Affinity, w http.ResponseWriter, r *http.Request) {
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	rewriter := core.NewHandshakeRewriter(w, func(header http.Header, opened core.Opened) string {
		if tag := chosen(a, r, header, opened); tag != "" {
			learn(a, opened, tag)
		}
		return ""
	})
	rewriter.Cookies = a.hidden
	defer core.Abort(rewriter) // Traefik panics when its server breaks off
	a.next.ServeHTTP(rewriter, r)
	_, _ = rewriter.Close() // the client has gone, and nobody is left to tell
}

// serveAny serves any request that may be Engine.IO's.
func serveAny(a *Affinity, w http.ResponseWriter, r *http.Request) {
	req, ours := core.ParseRequest(r.URL.RawQuery)
	if !ours {
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
		serveNew(a, w, r, req)
		return
	} else if req.ID() == "" {
		forget(a, r) // it names two sessions, and some server may take it for a handshake
	}
	serveNext(a, w, r)
}

// serveNew serves any request that names no session.
func serveNew(a *Affinity, w http.ResponseWriter, r *http.Request, req core.Request) {
	polling := req.OpensByPolling(r)
	if polling && a.mode.Tags(req.Version) {
		serveOpening(a, w, r)
		return
	}
	forget(a, r)
	if polling && a.mode.Learns(req.Version) {
		serveLearning(a, w, r)
		return
	}
	serveHidden(a, w, r)
}
