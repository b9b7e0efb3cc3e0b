package traefik

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/eio-affinity/affinity/core"
)

// fastAndSlow returns what the next handler receives from the fast path and from
// the slow path: query, URI and cookies.
func fastAndSlow(tb testing.TB, levels []string, mode, query, cookies string) (fast, slow string) {
	tb.Helper()
	next := &balancer{cookies: levels}
	config := &Config{CookieNames: levels, SID: mode, MaxSessions: 1}
	a := newMiddleware(next, "io@file", config, levels, core.Mode(mode))
	sent := func(serve func(http.ResponseWriter, *http.Request)) string {
		r := httptest.NewRequest(http.MethodGet, "/socket.io/", http.NoBody)
		r.URL.RawQuery, r.RequestURI = query, "/socket.io/?"+query
		if cookies != "" {
			r.Header.Set("Cookie", cookies)
		}
		serve(httptest.NewRecorder(), r)
		return fmt.Sprintf("%q %q %q", next.received.URL.RawQuery, next.received.RequestURI, next.received.Header["Cookie"])
	}
	return sent(newHandler(a).ServeHTTP), sent(func(w http.ResponseWriter, r *http.Request) { serveSlowPath(a, w, r) })
}

// Where a request of a session does not take the slow path, the result is the same.
func TestFastPathOfSessions(t *testing.T) {
	for _, levels := range [][]string{{cookie}, {"outer", "inner"}} {
		tag := value + strings.Repeat("."+value, len(levels)-1)
		for _, mode := range []string{"auto", "tag", "learn"} {
			for _, query := range []string{
				polling + "&t=x&sid=TAG.abc", "sid=TAG.abc&transport=polling&EIO=4", "a=1&" + polling + "&sid=TAG.abc&b=sid=TAG.x",
				"xsid=TAG.abc&" + polling + "&sid=TAG.abc", "EIO=4&transport=websocket&sid=TAG.abc", polling + "&sid=TAG.a%2Bb.c",
				polling + "&sid=TAG.", polling + "&sid=TAG.&x=1", polling + "&sid=TAG", polling + "&sid=TAGabc", polling + "&xsid=TAG.abc",
				"sid=TAG.abc", polling3 + "&sid=TAG.abc", "xEIO=4&sid=TAG.abc", polling + "&sid=%54AG.abc", "ab=TAG.x&EIO=4",
				polling + "&sid=TAG.abc&sid=", polling + "&sid=&sid=TAG.abc", polling + "&sid=abc&sid=TAG.abc", polling + "&sid=TAG." + strings.Repeat("x", 300),
			} {
				query = strings.ReplaceAll(query, "TAG", tag)
				for _, cookies := range []string{"", "a=1", cookie + "=x; a=1; " + levels[0] + "=y"} {
					if fast, slow := fastAndSlow(t, levels, mode, query, cookies); fast != slow {
						t.Errorf("%s, %q with %q: the fast path sends %s, the slow path %s", mode, query, cookies, fast, slow)
					}
				}
			}
		}
	}
}

// FuzzFastPathOfSessions checks that both paths agree, unless the query has several
// versions, or one of several digits.
func FuzzFastPathOfSessions(f *testing.F) {
	f.Add("EIO=4&transport=polling&sid=TAG.abc", "a=1")
	f.Add("sid=TAG.abc&EIO=4", cookie+"=x")
	f.Fuzz(func(t *testing.T, query, cookies string) {
		query = strings.ReplaceAll(query, "TAG", value)
		req, isEngineIO := core.ParseRequest(query)
		if isEngineIO && req.Version == 0 || !strings.Contains("&"+query, core.SIDParam) {
			return
		}
		if fast, slow := fastAndSlow(t, []string{cookie}, "auto", query, cookies); fast != slow {
			t.Fatalf("%q: the fast path sends %s, the slow path %s", query, fast, slow)
		}
	})
}

// At a known path, a response gets a tag if it does elsewhere.
func TestKnownPathTagsWhatOtherPathsTag(t *testing.T) {
	for _, query := range []string{
		polling, "EIO=4&EIO=4&transport=polling", "EIO=4&transport=polling&EIO=3", "EIO=42&transport=polling", "transport=polling&EIO=4",
		"EIO=4&transport=pollings", "EIO=4&transport=websocket&transport=polling", "EIO=4&transport=polling&transport=websocket", "EIO=4&t=x",
	} {
		next := &balancer{cookies: []string{cookie}}
		handler := newAffinity(t, next, nil)
		elsewhere := get(handler, query, nil).Body.String()
		handler = newAffinity(t, next, nil)
		get(handler, polling, nil)
		if known := get(handler, query, nil).Body.String(); known != elsewhere {
			t.Errorf("%q: the response is %s, and %s at an unknown path", query, known, elsewhere)
		}
	}
}

// Only at a known path is a response held back until it is complete.
func TestKnownPathsAreLimited(t *testing.T) {
	next := &balancer{cookies: []string{cookie}}
	handler := newAffinity(t, next, nil)
	open := func(path string) (wasKnown bool) {
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path+"?"+polling, http.NoBody))
		_, wasKnown = next.writer.(*httptest.ResponseRecorder)
		return wasKnown
	}
	for i := 0; i < maxPaths+1; i++ {
		open(fmt.Sprintf("/%d", i))
	}
	if first, last := open("/0"), open(fmt.Sprintf("/%d", maxPaths)); !first || last {
		t.Errorf("the first path is known: %v, the last one: %v", first, last)
	}
	long := "/" + strings.Repeat("x", maxPathLength)
	next = &balancer{cookies: []string{cookie}}
	handler = newAffinity(t, next, nil)
	if open(long); open(long) {
		t.Error("a long path is known")
	}
}

// Whatever opens no session at a path is the last response there that is held back.
func TestPathIsForgotten(t *testing.T) {
	part := "hello"
	next := &balancer{cookies: []string{cookie}}
	handler := newAffinity(t, next, nil)
	get(handler, polling, nil)
	w := httptest.NewRecorder()
	next.server = func(rw http.ResponseWriter, _ *http.Request) {
		write(rw, part)
		if held := w.Body.Len() == 0; held != (part == "hello") {
			t.Errorf("%q is held back: %v", part, held)
		}
	}
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket.io/?"+polling, http.NoBody))
	part = "again"
	w = httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/socket.io/?"+polling, http.NoBody))
}
