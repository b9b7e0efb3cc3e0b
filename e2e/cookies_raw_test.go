package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// caddyShowing is the socketio directive with these lines, in a site that says
// in each reply what the request's node was chosen by.
func caddyShowing(options ...string) caddy {
	c := caddyGiving(options...)
	c.proxy = func(upstreams string) string {
		return "header >X-By {http.affinity.reason}\n" + caddyWith(options...).proxy(upstreams)
	}
	return c
}

func TestCaddyGivesItsCookieOnTheWire(t *testing.T) {
	for _, s := range []setting{plain, socketIO2} {
		t.Run(s.name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, append([]string{"--trace"}, s.flags...)...)
			f := caddyShowing("cookie").serve(t, s.siteOf(nodes))[0]
			e := newEngine(t, f)
			if s.client == 2 {
				e.version = "3"
			}

			opened := e.do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusOK, opened.StatusCode)
			assert.Equal(t, "new", opened.Header.Get("X-By"))
			assert.Regexp(t, "^(private|no-store)$", opened.Header.Get("Cache-Control"))
			mine := givenCookie(t, opened)

			// Who comes back with it, for a new session, comes back to the same
			// node, and is given no other.
			for range 9 {
				again := e.do(t, http.MethodGet, "", http.Header{"Cookie": {"a=1; " + mine + "; b=2"}})
				assert.Equal(t, http.StatusOK, again.StatusCode)
				assert.Equal(t, "cookie", again.Header.Get("X-By"))
				assert.Equal(t, opened.Header.Get("X-Node"), again.Header.Get("X-Node"))
				assert.Equal(t, "a=1; b=2", again.Header.Get("X-Cookie"))
				assert.Empty(t, cookiesOf(again, innerCookie))
			}
		})
	}
}

func TestCaddyGivesOneCookieWhenTheFirstNodeItTriesIsDead(t *testing.T) {
	nodes := startNodes(t, []string{"a"}, "--trace")
	h := caddyShowing("cookie", "fallback first")
	f := h.serve(t, site{upstreams: append([]string{freeAddress(t)}, addresses(nodes)...)})[0]

	opened := newEngine(t, f).handshakeReply(t)
	again := newEngine(t, f).do(t, http.MethodGet, "", http.Header{"Cookie": {givenCookie(t, opened)}})
	assert.Equal(t, "cookie", again.Header.Get("X-By"))
	assert.Empty(t, again.Header.Values("Set-Cookie"))
}

func TestCaddyGivesAnotherCookieWhenTheNodeIsDead(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b"}, "--trace")
	f := caddyShowing("cookie", "fail_duration 10m").serve(t, site{upstreams: addresses(nodes)})[0]
	e := newEngine(t, f)
	opened := e.handshakeReply(t)
	mine := givenCookie(t, opened)
	for _, n := range nodes {
		if n.name == opened.Header.Get("X-Node") {
			n.stop()
		}
	}

	again := newEngine(t, f).do(t, http.MethodGet, "", http.Header{"Cookie": {mine}})
	assert.Equal(t, http.StatusOK, again.StatusCode)
	assert.Equal(t, "new", again.Header.Get("X-By"))
	assert.NotEqual(t, mine, givenCookie(t, again))

	// The session is lost, which is no reason to be given a cookie.
	lost := e.do(t, http.MethodGet, "", http.Header{"Cookie": {mine}})
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
	assert.Equal(t, "upstream_unhealthy", lost.Header.Get("X-By"))
	assert.Empty(t, lost.Header.Values("Set-Cookie"))
}

func TestCaddyTakesItsCookieOutOfTheRequest(t *testing.T) {
	f := caddyShowing("cookie").serve(t, site{upstreams: []string{startMirror(t)}})[0]
	tag := tagOf(t, f)
	mine := innerCookie + "=" + tag
	testCookiesArrive(t, f, []cookieCase{
		{"the cookie", []string{mine}, "cookie", nil},
		{"the cookie among others", []string{`a="1 2";  b;` + mine + ` ;c=ü=; d`}, "cookie", []string{`a="1 2";  b;c=ü=; d`}},
		{"the cookie in front", []string{mine + ";a=1"}, "cookie", []string{"a=1"}},
		{"none", nil, "new", nil},
		{"one of nobody", []string{"a=1; " + innerCookie + "=AAAAAAAAAAA; b=2"}, "new", []string{"a=1; b=2"}},
		{"one that is too long", []string{"a=1; " + innerCookie + "=" + strings.Repeat("A", 4000)}, "new", []string{"a=1"}},
		{"one of somebody else", []string{innerCookie + "=s%3A1.~!; a=1"}, "new", []string{"a=1"}},
		{"the cookie twice", []string{mine + "; a=1; " + mine}, "new", []string{"a=1"}},
		{"the cookie in two headers", []string{mine + "; a=1", "b=2; " + mine}, "new", []string{"a=1", "b=2"}},
		{"the cookie in the second of two headers", []string{"a=1", mine}, "new", []string{"a=1"}},
		{"another with its name in its own", []string{"my_" + mine + "; " + innerCookie + "2=" + tag}, "new", []string{"my_" + mine + "; " + innerCookie + "2=" + tag}},
	})
}

func TestCaddyTakesThePrefixOutOfTheRequest(t *testing.T) {
	h := caddyShowing("cookie " + nodeCookie + " {\nmode prefix\n}")
	f := h.serve(t, site{upstreams: []string{startMirror(t)}})[0]
	tag := tagOf(t, f)
	mine := nodeCookie + "=" + tag + "~"
	testCookiesArrive(t, f, []cookieCase{
		{"the cookie", []string{mine + "abc"}, "cookie", []string{"io=abc"}},
		{"the cookie among others", []string{`a="1 2";  b;` + mine + `abc ;c=ü=; d`}, "cookie", []string{`a="1 2";  b;io=abc ;c=ü=; d`}},
		{"the cookie with a mark of its own", []string{mine + "a~b"}, "cookie", []string{"io=a~b"}},
		{"none", nil, "new", nil},
		{"one that the node set without the proxy", []string{"a=1; io=abc"}, "new", []string{"a=1; io=abc"}},
		{"one of nobody", []string{"a=1; io=AAAAAAAAAAA~abc"}, "new", []string{"a=1; io=abc"}},
		{"one that is too long", []string{"a=1; io=" + strings.Repeat("A", 4000) + "~abc"}, "new", []string{"a=1; io=" + strings.Repeat("A", 4000) + "~abc"}},
		{"one of somebody else", []string{"io=s%3A1.~!; a=1"}, "new", []string{"io=s%3A1.~!; a=1"}},
		{"the cookie twice", []string{mine + "abc; a=1; " + mine + "def"}, "new", []string{"io=abc; a=1; io=def"}},
		{"another with its name in its own", []string{"my" + mine + "abc; a=" + mine}, "new", []string{"my" + mine + "abc; a=" + mine}},
	})
}

// cookieCase is what the headers Cookie of a request do.
type cookieCase struct {
	name    string
	sent    []string
	by      string // what the node is chosen by
	arrives []string
}

// testCookiesArrive checks what becomes of the cookies of requests that open no
// session, so that the mirror behind the front tells.
func testCookiesArrive(t *testing.T, f front, cases []cookieCase) {
	t.Helper()
	e := newEngine(t, f)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := e.do(t, http.MethodPost, "", http.Header{"Cookie": tc.sent})
			var got arrived
			require.NoError(t, json.Unmarshal([]byte(r.body), &got), "reading %q", r.body)
			assert.Equal(t, tc.arrives, got.Cookies)
			assert.Equal(t, tc.by, r.Header.Get("X-By"))
		})
	}
}

func TestCaddyPrefixesTheCookieOfTheNodesOnTheWire(t *testing.T) {
	for _, tc := range []struct {
		nodes         setting
		flag          string // that makes them set the cookie
		version, ping string
	}{
		{plain, "--cookie", "4", "3"},
		{socketIO2, "--trace", "3", "1:2"},
	} {
		t.Run(tc.nodes.name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, append([]string{"--trace", tc.flag}, tc.nodes.flags...)...)
			f := caddyPrefixing.serve(t, site{upstreams: addresses(nodes)})[0]
			for range 9 {
				e := newEngine(t, f)
				e.version = tc.version
				opened := e.do(t, http.MethodGet, "", nil)
				assert.Regexp(t, "^(private|no-store)$", opened.Header.Get("Cache-Control"))
				set := regexp.MustCompile(`^(io=` + f.tag + `~)([A-Za-z0-9_-]{20})(; Path=/; HttpOnly; SameSite=(?:Lax|Strict))$`)
				require.Len(t, opened.Header.Values("Set-Cookie"), 1)
				parts := set.FindStringSubmatch(opened.Header.Get("Set-Cookie"))
				require.NotNil(t, parts, "Set-Cookie: %s", opened.Header.Get("Set-Cookie"))

				e.sid = parts[2]
				assert.Contains(t, opened.body, `"sid":"`+e.sid+`"`)
				r := e.post(t, tc.ping, "a=1; "+parts[1]+e.sid)
				assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
				assert.Equal(t, "a=1; io="+e.sid, r.Header.Get("X-Cookie"))
			}
		})
	}
}

// givenCookie returns the one cookie of the proxy's own that a reply sets, as
// the client sends it back.
func givenCookie(t *testing.T, r reply) string {
	t.Helper()
	set := cookiesOf(r, innerCookie)
	require.Len(t, set, 1)
	require.Regexp(t, `^[A-Za-z0-9_-]+$`, set[0].Value)
	return set[0].Name + "=" + set[0].Value
}

// cookiesOf returns the cookies of a name that a reply sets.
func cookiesOf(r reply, name string) []*http.Cookie {
	var cookies []*http.Cookie
	for _, cookie := range r.Cookies() {
		if cookie.Name == name {
			cookies = append(cookies, cookie)
		}
	}
	return cookies
}

// tagOf opens a session and returns the tag of its node.
func tagOf(t *testing.T, f front) string {
	t.Helper()
	e := newEngine(t, f)
	e.handshakeReply(t)
	tag, _, _ := strings.Cut(e.sid, ".")
	return tag
}
