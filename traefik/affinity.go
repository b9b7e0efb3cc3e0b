package traefik

import (
	"context"
	"fmt"
	"log"
	"net/http"
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

	// warned is 1 once there was a warning that no sticky cookie came.
	warned uint32
}

// New returns the middleware of a configuration, in front of next. It is
// Traefik's entry point, together with [CreateConfig].
func New(_ context.Context, next http.Handler, config *Config, name string) (http.Handler, error) {
	mode, err := config.check()
	if err != nil {
		return nil, fmt.Errorf("middleware %s: %w", name, err)
	}
	return &Affinity{
		next:    next,
		name:    name,
		mode:    mode,
		cookies: config.CookieNames,
		levels:  len(config.CookieNames),
		expose:  config.ExposeCookie,
	}, nil
}

// ServeHTTP implements [http.Handler]. Whatever is not the handshake of a
// polling session goes on with the writer that it came with: Traefik cannot
// see through a writer of the interpreter's, and a WebSocket needs the real
// one.
func (a *Affinity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, ours := core.ParseRequest(r.URL.RawQuery)
	if !ours {
		a.next.ServeHTTP(w, r)
		return
	}
	if _, tag := core.Weigh(req, a.mode, a.levels); tag != "" {
		req.Unbind(r, tag)
		a.pin(r, tag)
		a.next.ServeHTTP(w, r)
		return
	}
	if a.mode.Binds(req.Version) && req.OpensByPolling(r) {
		a.open(w, r)
		return
	}
	a.next.ServeHTTP(w, r)
}

// pin gives a request the sticky cookies that a tag stands for, one for each
// level.
func (a *Affinity) pin(r *http.Request, tag string) {
	if a.levels == 1 {
		core.ReplaceCookie(r.Header, a.cookies[0], tag)
		return
	}
	for i, value := range strings.Split(tag, ".") {
		core.ReplaceCookie(r.Header, a.cookies[i], value)
	}
}

// open serves a handshake poll and binds the session that it opens to the
// server that Traefik chose.
func (a *Affinity) open(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Accept-Encoding", "identity") // a compressed open packet cannot be read
	recorder := core.NewRecorder(w, func(header http.Header) string { return a.chosen(r, header) })
	whole := false
	defer func() {
		if !whole { // Traefik panics when its server breaks off
			recorder.Abort()
		}
	}()
	a.next.ServeHTTP(recorder, r)
	whole = true
	_, _ = recorder.Close() // the client has gone, and nobody is left to tell
}

// chosen returns the tag of the server that answered a request: the values of
// the sticky cookies that Traefik's load balancers set on the reply or, as they
// set none when it is there already and good, that the request carried.
func (a *Affinity) chosen(r *http.Request, header http.Header) string {
	values := make([]string, len(a.cookies))
	for i, name := range a.cookies {
		values[i] = core.SetCookieValue(header, name)
		if values[i] == "" {
			if cookie, err := r.Cookie(name); err == nil {
				values[i] = cookie.Value
			}
		}
		if !core.ValidTag(values[i], 1) { // none at all, or one that a client made up
			a.warn(name)
			return ""
		}
	}
	if !a.expose {
		for _, name := range a.cookies {
			core.DropSetCookie(header, name)
		}
	}
	return strings.Join(values, ".")
}

// warn says once what is to be configured for a sticky cookie to come.
func (a *Affinity) warn(cookie string) {
	if atomic.CompareAndSwapUint32(&a.warned, 0, 1) {
		// Traefik's log is behind package log, and knows it as an error.
		log.New(log.Writer(), "", 0).Printf("middleware %s: a Socket.IO session was opened, but no sticky cookie %q came with it, so the session is not kept; "+
			"set loadBalancer.sticky.cookie.name to that in the service behind the middleware", a.name, cookie)
	}
}
