package traefik

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"

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

	// versions and boundSID recognize the queries of the fast path, and the other
	// patterns the responses to handshakes. See package core.
	versions                                  core.VersionParams
	boundSID, taggedResponse, learnedResponse *regexp.Regexp

	// paths has a map[string]bool of the known paths, see paths.go. It is replaced
	// under pathsMu.
	paths   *atomic.Value
	pathsMu sync.Mutex

	// singleCookie reports that there is only one cookie, and cookiePrefix is its
	// name and "=".
	singleCookie bool
	cookiePrefix string

	// tagLength is the length of a tag with all levels.
	tagLength int

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
	return newHandler(newMiddleware(next, name, config, cookies, mode)), nil
}

// newMiddleware returns the middleware with a configuration that is valid, and whose
// cookies and mode are these.
func newMiddleware(next http.Handler, name string, config *Config, cookies []string, mode core.Mode) *Affinity {
	form := stickyTags(len(cookies))
	a := &Affinity{
		next:            next,
		name:            name,
		mode:            mode,
		cookies:         cookies,
		form:            form,
		expose:          config.ExposeCookie,
		stripped:        &strippedCookies{names: cookies},
		versions:        core.NewVersionParams(mode),
		boundSID:        core.BoundSIDPattern(form),
		taggedResponse:  core.TaggedResponsePattern(cookies, form),
		learnedResponse: core.LearnedResponsePattern(cookies, form),
		paths:           &atomic.Value{},
		singleCookie:    len(cookies) == 1,
		cookiePrefix:    cookies[0] + "=",
		tagLength:       form.Levels*(form.Length+len(core.Separator)) - len(core.Separator),
	}
	a.paths.Store(map[string]bool{})
	if mode.MayLearn() {
		a.sessions = learnedSessions(name, config.MaxSessions)
	}
	if a.expose {
		// A client that gets an error must not return to the same server.
		a.stripped.minStatus = http.StatusBadRequest
	}
	return a
}

// stickyTags returns the form of tags with this number of levels. A level is the
// value of a sticky cookie: the first 16 hexadecimal digits of a SHA-256, see
// pkg/server/service/loadbalancer/sticky.go in Traefik.
func stickyTags(levels int) core.TagForm {
	return core.TagForm{Levels: levels, Length: 16, Alphabet: "0123456789abcdef"}
}

// newHandler returns the handler of all requests.
//
// It serves requests of sessions with a tag on its own, in few interpreted
// expressions: Yaegi allocates a value for each of them when it calls the function,
// whether it gets there or not. So all else is in other functions. This one is a
// closure because a captured variable takes less time than a field.
func newHandler(a *Affinity) http.Handler {
	next, bound, tagged, stripped := a.next, a.boundSID, a.versions.Tagged, a.stripped
	keepsWriter, simple, cookiePrefix := a.expose, a.singleCookie, a.cookiePrefix
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := "&" + r.URL.RawQuery
		found := bound.FindStringSubmatchIndex(query)
		if found == nil || !strings.Contains(query, tagged) || strings.Count(query, core.SIDParam) != 1 {
			serveOther(a, w, r, query)
			return
		}
		tag := query[found[2]:found[3]]
		r.URL.RawQuery = query[1:found[2]] + query[found[3]+1:]
		r.RequestURI = r.URL.RequestURI()
		if simple && r.Header["Cookie"] == nil {
			r.Header["Cookie"] = []string{cookiePrefix + tag}
		} else {
			pin(a, r, tag)
		}
		if keepsWriter {
			next.ServeHTTP(w, r)
			return
		}
		if r.Header["Upgrade"] != nil {
			serveStripped(a, w, r)
			return
		}
		// The same as serveStripped, without the cost of a call.
		stripper := &cookieStripper{ResponseWriter: w, cookies: stripped}
		next.ServeHTTP(stripper, r)
		if !stripper.passing {
			finish(stripper)
		}
	})
}
