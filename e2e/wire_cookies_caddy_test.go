package e2e

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddySetsItsCookie(t *testing.T) {
	t.Parallel()
	for _, s := range []testbed.Variant{testbed.Plain, testbed.SocketIO2} {
		t.Run(s.Name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, append([]string{"--trace"}, s.Flags...)...)
			f := testbed.CaddyShowingReason("cookie").Serve(t, s.SiteOf(nodes))[0]
			e := testbed.NewEngine(t, f)
			if s.Version == 2 {
				e.Version = "3"
			}

			opened := e.Do(t, http.MethodGet, "", nil)
			assert.Equal(t, http.StatusOK, opened.StatusCode)
			assert.Equal(t, "new", opened.Header.Get("X-Reason"))
			assert.Regexp(t, "^(private|no-store)$", opened.Header.Get("Cache-Control"))
			mine := testbed.ProxyCookie(t, opened)

			// A new session with it is on the same node, and sets no other.
			for range 9 {
				again := e.Do(t, http.MethodGet, "", http.Header{"Cookie": {"a=1; " + mine + "; b=2"}})
				assert.Equal(t, http.StatusOK, again.StatusCode)
				assert.Equal(t, "cookie", again.Header.Get("X-Reason"))
				assert.Equal(t, opened.Header.Get("X-Node"), again.Header.Get("X-Node"))
				assert.Equal(t, "a=1; b=2", again.Header.Get("X-Cookie"))
				assert.Empty(t, testbed.CookiesNamed(again, testbed.InnerCookie))
			}
		})
	}
}

func TestCaddySetsOneCookieAfterARetry(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a"}, "--trace")
	h := testbed.CaddyShowingReason("cookie", "fallback first")
	f := h.Serve(t, testbed.Site{Upstreams: append([]string{testbed.FreeAddress(t)}, testbed.Addresses(nodes)...)})[0]

	opened := testbed.NewEngine(t, f).HandshakeBound(t)
	again := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", http.Header{"Cookie": {testbed.ProxyCookie(t, opened)}})
	assert.Equal(t, "cookie", again.Header.Get("X-Reason"))
	assert.Empty(t, again.Header.Values("Set-Cookie"))
}

func TestCaddyReplacesTheCookieOfADeadNode(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartKillableNodes(t, []string{"a", "b"}, "--trace")
	// A request on a connection that the node is closing would not be retried.
	f := testbed.CaddyShowingReason("cookie", "fail_duration 10m", "transport http {\nkeepalive off\n}").Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	e := testbed.NewEngine(t, f)
	opened := e.HandshakeBound(t)
	mine := testbed.ProxyCookie(t, opened)
	for _, n := range nodes {
		if n.Name == opened.Header.Get("X-Node") {
			n.Kill()
		}
	}

	again := testbed.NewEngine(t, f).Do(t, http.MethodGet, "", http.Header{"Cookie": {mine}})
	assert.Equal(t, http.StatusOK, again.StatusCode)
	assert.Equal(t, "new", again.Header.Get("X-Reason"))
	assert.NotEqual(t, mine, testbed.ProxyCookie(t, again))

	// The session is lost, which sets no cookie.
	lost := e.Do(t, http.MethodGet, "", http.Header{"Cookie": {mine}})
	assert.Equal(t, http.StatusBadRequest, lost.StatusCode)
	assert.Equal(t, "upstream_unhealthy", lost.Header.Get("X-Reason"))
	assert.Empty(t, lost.Header.Values("Set-Cookie"))
}

func TestCaddyRemovesItsCookieFromRequests(t *testing.T) {
	t.Parallel()
	f := testbed.CaddyShowingReason("cookie").Serve(t, testbed.Site{Upstreams: []string{testbed.StartMirror(t)}})[0]
	tag := testbed.TagOf(t, f)
	mine := testbed.InnerCookie + "=" + tag
	testCookiesArrive(t, f, []cookieCase{
		{"the cookie", []string{mine}, "cookie", nil},
		{"the cookie among others", []string{`a="1 2";  b;` + mine + ` ;c=ü=; d`}, "cookie", []string{`a="1 2";  b;c=ü=; d`}},
		{"the cookie first", []string{mine + ";a=1"}, "cookie", []string{"a=1"}},
		{"none", nil, "new", nil},
		{"one with an unknown tag", []string{"a=1; " + testbed.InnerCookie + "=AAAAAAAAAAA; b=2"}, "new", []string{"a=1; b=2"}},
		{"one that is too long", []string{"a=1; " + testbed.InnerCookie + "=" + strings.Repeat("A", 4000)}, "new", []string{"a=1"}},
		{"one of another program", []string{testbed.InnerCookie + "=s%3A1.~!; a=1"}, "new", []string{"a=1"}},
		{"the cookie twice", []string{mine + "; a=1; " + mine}, "new", []string{"a=1"}},
		{"the cookie in two headers", []string{mine + "; a=1", "b=2; " + mine}, "new", []string{"a=1", "b=2"}},
		{"the cookie in the second of two headers", []string{"a=1", mine}, "new", []string{"a=1"}},
		{"one whose name contains its name", []string{"my_" + mine + "; " + testbed.InnerCookie + "2=" + tag}, "new", []string{"my_" + mine + "; " + testbed.InnerCookie + "2=" + tag}},
	})
}

func TestCaddyRemovesThePrefixFromRequests(t *testing.T) {
	t.Parallel()
	h := testbed.CaddyShowingReason("cookie " + nodeCookie + " {\nmode prefix\n}")
	f := h.Serve(t, testbed.Site{Upstreams: []string{testbed.StartMirror(t)}})[0]
	tag := testbed.TagOf(t, f)
	mine := nodeCookie + "=" + tag + "~"
	testCookiesArrive(t, f, []cookieCase{
		{"the cookie", []string{mine + "abc"}, "cookie", []string{"io=abc"}},
		{"the cookie among others", []string{`a="1 2";  b;` + mine + `abc ;c=ü=; d`}, "cookie", []string{`a="1 2";  b;io=abc ;c=ü=; d`}},
		{"the cookie with a tilde in its value", []string{mine + "a~b"}, "cookie", []string{"io=a~b"}},
		{"none", nil, "new", nil},
		{"one that the node set without the proxy", []string{"a=1; io=abc"}, "new", []string{"a=1; io=abc"}},
		{"one with an unknown tag", []string{"a=1; io=AAAAAAAAAAA~abc"}, "new", []string{"a=1; io=abc"}},
		{"one that is too long", []string{"a=1; io=" + strings.Repeat("A", 4000) + "~abc"}, "new", []string{"a=1; io=" + strings.Repeat("A", 4000) + "~abc"}},
		{"one of another program", []string{"io=s%3A1.~!; a=1"}, "new", []string{"io=s%3A1.~!; a=1"}},
		{"the cookie twice", []string{mine + "abc; a=1; " + mine + "def"}, "new", []string{"io=abc; a=1; io=def"}},
		{"one whose name contains its name", []string{"my" + mine + "abc; a=" + mine}, "new", []string{"my" + mine + "abc; a=" + mine}},
	})
}

// cookieCase is the Cookie headers of a request and the result.
type cookieCase struct {
	name    string
	sent    []string
	reason  string // why the upstream is chosen
	arrives []string
}

// testCookiesArrive checks which cookies of a request reach the node. The
// requests open no session, so that the mirror behind the endpoint answers with
// them.
func testCookiesArrive(t *testing.T, f testbed.Endpoint, cases []cookieCase) {
	t.Helper()
	e := testbed.NewEngine(t, f)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := e.Do(t, http.MethodPost, "", http.Header{"Cookie": tc.sent})
			var got testbed.MirroredRequest
			require.NoError(t, json.Unmarshal([]byte(r.Text), &got), "reading %q", r.Text)
			assert.Equal(t, tc.arrives, got.Cookies)
			assert.Equal(t, tc.reason, r.Header.Get("X-Reason"))
		})
	}
}

func TestCaddyPrefixesTheCookieOfTheNodes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		nodes         testbed.Variant
		flag          string // with which they set the cookie
		version, ping string
	}{
		{testbed.Plain, "--cookie", "4", "3"},
		{testbed.SocketIO2, "--trace", "3", "1:2"},
	} {
		t.Run(tc.nodes.Name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, append([]string{"--trace", tc.flag}, tc.nodes.Flags...)...)
			f := caddyPrefixingCookie.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			for range 9 {
				e := testbed.NewEngine(t, f)
				e.Version = tc.version
				opened := e.Do(t, http.MethodGet, "", nil)
				assert.Regexp(t, "^(private|no-store)$", opened.Header.Get("Cache-Control"))
				set := regexp.MustCompile(`^(io=` + f.TagPattern + `~)([A-Za-z0-9_-]{20})(; Path=/; HttpOnly; SameSite=(?:Lax|Strict))$`)
				require.Len(t, opened.Header.Values("Set-Cookie"), 1)
				parts := set.FindStringSubmatch(opened.Header.Get("Set-Cookie"))
				require.NotNil(t, parts, "Set-Cookie: %s", opened.Header.Get("Set-Cookie"))

				e.SID = parts[2]
				assert.Contains(t, opened.Text, `"sid":"`+e.SID+`"`)
				r := e.Post(t, tc.ping, "a=1; "+parts[1]+e.SID)
				assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
				assert.Equal(t, "a=1; io="+e.SID, r.Header.Get("X-Cookie"))
			}
		})
	}
}
