package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTraefikBindsTheSidOnTheWire(t *testing.T) {
	testSidOnTheWire(t, traefikPlugin)
}

func TestTraefikBindsTheSidOnTheWireToEachLevel(t *testing.T) {
	testSidOnTheWire(t, traefik{chain: traefikPlugin.chain, nested: true})
}

func TestTraefikHoldsASessionOverHTTP2(t *testing.T) {
	testSessionOverHTTP2(t, traefikPlugin)
}

func TestTraefikHoldsACompressedSessionWith(t *testing.T) {
	for _, s := range settings {
		if s.compresses() {
			t.Run(s.name, func(t *testing.T) {
				testCompressedSession(t, traefikPlugin, s)
			})
		}
	}
	t.Run("compress after the plugin", func(t *testing.T) {
		testCompressedSession(t, traefik{chain: []string{plugin, compress}}, plain)
	})
}

func TestTraefikLeavesItsCookieToTheClientWhenTold(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := traefikWith(object{"exposeCookie": true}).serve(t, site{upstreams: addresses(nodes)})[0]

	e := newEngine(t, f)
	r := e.handshakeReply(t)
	tag, _, _ := strings.Cut(e.sid, ".")
	assert.Equal(t, []string{innerCookie + "=" + tag + "; Path=/"}, r.Header.Values("Set-Cookie"))
	assert.Empty(t, e.post(t, "40").Header.Values("Set-Cookie"), "the next request has the cookie from the sid")

	// Who comes back with it, for a new session, comes back to the same node.
	for range 9 {
		again := newEngine(t, f).do(t, http.MethodGet, "", http.Header{"Cookie": {innerCookie + "=" + tag}})
		assert.Contains(t, again.body, `"sid":"`+tag+".")
		assert.Empty(t, again.Header.Values("Set-Cookie"))
	}
}

// A cookie of the node that was tried first and is dead would bring the client
// to it again.
func TestTraefikGivesTheCookieOfTheNodeThatAnswers(t *testing.T) {
	for _, chain := range [][]string{{retry, plugin}, {plugin, retry}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			nodes := startNodes(t, []string{"a"}, "--trace")
			h := traefikWith(object{"exposeCookie": true})
			h.chain = chain
			f := h.serve(t, site{upstreams: append([]string{freeAddress(t)}, addresses(nodes)...)})[0]
			alive := givenCookie(t, newEngine(t, f).handshakeReply(t))
			for range 4 {
				assert.Equal(t, alive, givenCookie(t, newEngine(t, f).handshakeReply(t)))
			}
		})
	}
}

// arrived is what a request was when it reached the node.
type arrived struct {
	Method, URI string
	Cookies     []string
}

const plainSID = "AbCdEfGhIjKlMnOpQrSt"

// startMirror starts a node that opens a session when it is asked to by
// polling, and answers all else with what it was asked.
func startMirror(t *testing.T) (address string) {
	t.Helper()
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/socket.io/?EIO=4&transport=polling" && r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `0{"sid":"`+plainSID+`"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(arrived{r.Method, r.RequestURI, r.Header["Cookie"]})
	}))
	t.Cleanup(mirror.Close)
	return mirror.Listener.Addr().String()
}

// The node is asked what the client asked, but for the tag, which it sees
// nowhere in the query.
func TestTraefikHandsOnTheRequest(t *testing.T) {
	f := traefikPlugin.serve(t, site{upstreams: []string{startMirror(t)}})[0]
	e := newEngine(t, f)
	e.handshakeReply(t)
	tag, _, _ := strings.Cut(e.sid, ".")
	pinned := innerCookie + "=" + tag

	cases := []struct {
		name          string
		method, query string
		headers       http.Header
		uri           string
		cookies       []string
	}{
		{
			name:   "a poll",
			method: http.MethodGet, query: "EIO=4&transport=polling&t=Ox1-_.~&sid=" + e.sid,
			uri: "EIO=4&transport=polling&t=Ox1-_.~&sid=" + plainSID, cookies: []string{pinned},
		},
		{
			name:   "a post with cookies",
			method: http.MethodPost, query: "sid=" + e.sid + "&transport=polling&EIO=4",
			headers: http.Header{"Cookie": {`a="1 2"; ` + innerCookie + `=other;b=2`, "c=ü"}},
			uri:     "sid=" + plainSID + "&transport=polling&EIO=4",
			cookies: []string{pinned + `; a="1 2";b=2`, "c=ü"},
		},
		{
			name:   "a preflight",
			method: http.MethodOptions, query: "EIO=4&transport=polling&sid=" + e.sid,
			uri: "EIO=4&transport=polling&sid=" + plainSID, cookies: []string{pinned},
		},
		{
			name:   "a semicolon in front",
			method: http.MethodGet, query: "EIO=4&transport=polling&x=1;2&sid=" + e.sid,
			uri: "EIO=4&transport=polling&x=1&2&sid=" + plainSID, cookies: []string{pinned},
		},
		{
			name:   "a semicolon behind",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + e.sid + "&x=1;2",
			uri: "EIO=4&transport=polling&sid=" + plainSID + "&x=1&2", cookies: []string{pinned},
		},
		{
			name:   "a semicolon for an ampersand",
			method: http.MethodGet, query: "EIO=4;transport=polling;sid=" + e.sid + ";t=1",
			uri: "EIO=4&transport=polling&sid=" + plainSID + "&t=1", cookies: []string{pinned},
		},
		{
			name:   "an upgrade",
			method: http.MethodGet, query: "EIO=4&transport=websocket&sid=" + e.sid,
			headers: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}},
			uri:     "EIO=4&transport=websocket&sid=" + plainSID, cookies: []string{pinned},
		},
		{
			name:   "a tag that no header may hold",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=a%3B%20b%3D1%0D%0Ac:d." + plainSID,
			uri: "EIO=4&transport=polling&sid=a%3B%20b%3D1%0D%0Ac:d." + plainSID,
		},
		{
			name:   "a tag that is too long",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + strings.Repeat("a", 65) + "." + plainSID,
			uri: "EIO=4&transport=polling&sid=" + strings.Repeat("a", 65) + "." + plainSID,
		},
		{
			name:   "a tag with more levels than there are",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=0123456789abcdef." + e.sid,
			uri: "EIO=4&transport=polling&sid=" + e.sid, cookies: []string{innerCookie + "=0123456789abcdef"},
		},
		{
			name:   "a tag of another form",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=a." + e.sid,
			uri: "EIO=4&transport=polling&sid=a." + e.sid,
		},
		{
			name:   "a session that is not bound",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + plainSID,
			headers: http.Header{"Cookie": {"a=1"}},
			uri:     "EIO=4&transport=polling&sid=" + plainSID, cookies: []string{"a=1"},
		},
		{
			name:   "Engine.IO 3",
			method: http.MethodGet, query: "EIO=3&transport=polling&sid=" + e.sid,
			uri: "EIO=3&transport=polling&sid=" + e.sid,
		},
		{
			name:   "what is no Engine.IO",
			method: http.MethodGet, query: "sid=" + e.sid,
			uri: "sid=" + e.sid,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tc.method, f.url+"/socket.io/?"+tc.query, http.NoBody)
			require.NoError(t, err)
			req.Header = tc.headers
			resp, err := e.client.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			var got arrived
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
			assert.Equal(t, arrived{tc.method, "/socket.io/?" + tc.uri, tc.cookies}, got)
		})
	}
}
