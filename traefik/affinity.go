package traefik

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/eio-affinity/affinity/core"
)

// Affinity is the middleware. See the package's documentation.
type Affinity struct {
	next http.Handler
	name string

	mode    core.Mode
	cookies []string
	levels  int
	expose  bool

	// bound and opening match stock requests, sticky a stock Set-Cookie: see
	// core's stock.go for what is stock, and why.
	bound, opening, sticky *regexp.Regexp

	// single says that there is only one cookie, and pair is its name and "=".
	single bool
	pair   string

	// sessions has the sessions that are learned.
	sessions *core.Sessions

	// hidden is the header that a stock reply to a handshake loses, if any.
	hidden string

	// warned is 1 once there was a warning that no sticky cookie came.
	warned uint32
}

// New returns the middleware of a configuration, in front of next. It is
// Traefik's entry point, together with [CreateConfig].
func New(_ context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	cookies, mode, err := config.check()
	if err != nil {
		return nil, fmt.Errorf("middleware %s: %w", name, err)
	}
	a := &Affinity{
		next:    next,
		name:    name,
		mode:    mode,
		cookies: cookies,
		levels:  len(cookies),
		expose:  config.ExposeCookie,
		bound:   core.StockBound(mode, len(cookies)),
		opening: core.StockOpening(mode),
		sticky:  core.StockSetCookie(cookies),
		single:  len(cookies) == 1,
		pair:    cookies[0] + "=",
	}
	if mode.MayLearn() {
		a.sessions = tableOf(name, config.MaxSessions)
	}
	if !a.expose {
		a.hidden = "Set-Cookie"
	}
	return a, nil
}

// ServeHTTP implements [http.Handler]. Whatever is not the handshake of a
// polling session goes on with the writer that it came with: Traefik cannot
// see through a writer of the interpreter's, and a WebSocket needs the real
// one.
//
// It asks first for what there is most of, requests of stock clients' sessions,
// then for handshakes of stock clients, then for anything. Each has a function
// to itself, since the interpreter makes room for all that a function may need
// whenever it is called; none is a method, since methods cost more to call.
func (a *Affinity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(r.RequestURI) > core.StockLength {
		serveAny(a, w, r)
		return
	}
	part := a.bound.FindStringSubmatch(r.RequestURI)
	if part == nil {
		serveUnbound(a, w, r)
		return
	}
	serveBound(a, w, r, part)
}

// serveBound serves a request of a stock client's session, which core's
// StockBound has matched.
func serveBound(a *Affinity, w http.ResponseWriter, r *http.Request, part []string) {
	if part[2] != r.URL.RawQuery {
		serveUnbound(a, w, r)
		return
	}
	r.URL.RawQuery = part[3] + part[5]
	r.RequestURI = part[1] + r.URL.RawQuery
	if a.single && r.Header["Cookie"] == nil {
		r.Header["Cookie"] = []string{a.pair + part[4]}
	} else {
		pin(a, r, part[4])
	}
	a.next.ServeHTTP(w, r)
}

// pin gives a request the sticky cookies that a tag stands for, one for each
// level.
func pin(a *Affinity, r *http.Request, tag string) {
	if a.single {
		core.ReplaceCookie(r.Header, a.cookies[0], tag)
		return
	}
	for i, value := range core.Levels(tag) {
		core.ReplaceCookie(r.Header, a.cookies[i], value)
	}
}

// serveUnbound serves whatever is not of a stock client's session.
func serveUnbound(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.Header["Upgrade"] == nil && a.opening.MatchString(r.URL.RawQuery) {
		serveOpening(a, w, r)
		return
	}
	serveAny(a, w, r)
}

// serveOpening serves a handshake poll.
func serveOpening(a *Affinity, w http.ResponseWriter, r *http.Request) {
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	recorder := &core.Recorder{ResponseWriter: w}
	defer core.Abort(recorder) // Traefik panics when its server breaks off
	a.next.ServeHTTP(recorder, r)
	header := w.Header()
	if cookies := header["Set-Cookie"]; len(cookies) == 1 {
		part := a.sticky.FindStringSubmatch(cookies[0])
		if part != nil && core.BindStock(recorder, header, part[1], a.hidden) {
			return
		}
	}
	finish(a, recorder, r)
}

// finish ends the reply to a handshake poll, and binds the session that it
// opens to the server that Traefik chose.
func finish(a *Affinity, recorder *core.Recorder, r *http.Request) {
	recorder.Tag = func(header http.Header, _ core.Opened) string { return chosen(a, r, header) }
	_, _ = recorder.Close() // the client has gone, and nobody is left to tell
}

// serveLearning serves a handshake poll whose session is to be learned.
func serveLearning(a *Affinity, w http.ResponseWriter, r *http.Request) {
	r.Header["Accept-Encoding"] = []string{"identity"} // a compressed open packet cannot be read
	recorder := core.NewRecorder(w, func(header http.Header, opened core.Opened) string {
		if tag := chosen(a, r, header); tag != "" {
			learn(a, opened, tag)
		}
		return ""
	})
	defer core.Abort(recorder) // Traefik panics when its server breaks off
	a.next.ServeHTTP(recorder, r)
	_, _ = recorder.Close() // the client has gone, and nobody is left to tell
}

// serveAny serves any request.
func serveAny(a *Affinity, w http.ResponseWriter, r *http.Request) {
	if core.Foreign(r.URL.RawQuery) {
		a.next.ServeHTTP(w, r)
		return
	}
	serveSession(a, w, r)
}

// serveSession serves any request that may be Engine.IO's.
func serveSession(a *Affinity, w http.ResponseWriter, r *http.Request) {
	req, ours := core.ParseRequest(r.URL.RawQuery)
	if !ours {
		a.next.ServeHTTP(w, r)
		return
	}
	by, tag := core.Weigh(req, a.mode, a.levels, a.sessions)
	if by == core.BySID {
		req.Unbind(r, tag)
	}
	if tag != "" {
		pin(a, r, tag)
	} else if req.OpensByPolling(r) {
		if a.mode.Tags(req.Version) {
			serveOpening(a, w, r)
			return
		}
		if a.mode.Learns(req.Version) {
			serveLearning(a, w, r)
			return
		}
	}
	a.next.ServeHTTP(w, r)
}

// chosen returns the tag of the server that answered a request: the values of
// the sticky cookies that Traefik's load balancers set on the reply or, as they
// set none when it is there already and good, that the request carried.
func chosen(a *Affinity, r *http.Request, header http.Header) string {
	values := make([]string, len(a.cookies))
	for i, name := range a.cookies {
		values[i] = core.SetCookieValue(header, name)
		if values[i] == "" {
			if cookie, err := r.Cookie(name); err == nil {
				values[i] = cookie.Value
			}
		}
		if !core.ValidTag(values[i], 1) { // none at all, or one that a client made up
			warn(a, name)
			return ""
		}
	}
	if !a.expose {
		for _, name := range a.cookies {
			core.DropSetCookie(header, name)
		}
	}
	return core.JoinLevels(values)
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

// say writes a line to Traefik's log, which is behind package log, and knows it
// as an error.
func say(a *Affinity, format string, args ...interface{}) {
	log.New(log.Writer(), "", 0).Printf("middleware "+a.name+": "+format, args...)
}

// warn says once what is to be configured for a sticky cookie to come.
func warn(a *Affinity, cookie string) {
	if atomic.CompareAndSwapUint32(&a.warned, 0, 1) {
		say(a, "a Socket.IO session was opened, but no sticky cookie %q came with it, so the session is not kept; "+
			"set loadBalancer.sticky.cookie.name to that in the service behind the middleware", cookie)
	}
}
