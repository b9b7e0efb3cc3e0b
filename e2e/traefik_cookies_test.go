package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Not even where Traefik chooses another server than the session's, and so sets
// its cookie: on a request of a session whose server is gone.
func TestTraefikSetsNoCookieOnRepliesToEngineIO(t *testing.T) {
	for _, chain := range [][]string{{plugin}, {plugin, retry}, {retry, plugin}} {
		t.Run(strings.Join(chain, " before "), func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"}, "--trace", "--cors")
			h := traefik{chain: chain, healthCheck: true}
			f := h.serve(t, site{upstreams: addresses(nodes)})[0]
			pageCookie(t, f) // which shows that Traefik does set it

			e := openedOn(t, f, "a")
			preflight := http.Header{"Origin": {"https://app.example"}, "Access-Control-Request-Method": {"POST"}}
			replies := map[string]reply{
				"a handshake":         newEngine(t, f).handshake(t),
				"a post":              e.post(t, "3"),
				"a preflight":         e.do(t, http.MethodOptions, "", preflight),
				"a WebSocket":         webSocket(t, f, "", nil),
				"an upgrade":          webSocket(t, f, e.sid, nil),
				"a preflight of none": newEngine(t, f).do(t, http.MethodOptions, "", preflight),
				"a handshake refused": newEngine(t, f).do(t, http.MethodPost, "", nil),
			}
			assert.Equal(t, http.StatusSwitchingProtocols, replies["a WebSocket"].StatusCode)
			assert.Equal(t, http.StatusSwitchingProtocols, replies["an upgrade"].StatusCode)

			nodes[0].stop()
			requireSoon(t, "the dead node is found out", func() bool {
				lost := e.do(t, http.MethodGet, "", nil)
				assert.Empty(t, lost.Header.Values("Set-Cookie"), "%d", lost.StatusCode)
				return lost.StatusCode == http.StatusBadRequest
			})
			for name, method := range map[string]string{"a lost post": http.MethodPost, "a lost preflight": http.MethodOptions} {
				replies[name] = e.do(t, method, "", preflight)
			}
			replies["a lost upgrade"] = webSocket(t, f, e.sid, nil)
			assert.Equal(t, http.StatusBadRequest, replies["a lost upgrade"].StatusCode)
			for name, r := range replies {
				assert.Empty(t, r.Header.Values("Set-Cookie"), "%s, %d", name, r.StatusCode)
			}
		})
	}
}

// One of two upstreams is dead, and gets every other handshake.
func TestTraefikSetsNoCookieOnHandshakesThatFail(t *testing.T) {
	nodes := startNodes(t, []string{"a"})
	for _, expose := range []bool{false, true} {
		f := traefikWith(object{"exposeCookie": expose}).serve(t, site{upstreams: append([]string{freeAddress(t)}, addresses(nodes)...)})[0]
		failed := 0
		for range 6 {
			for name, r := range map[string]reply{
				"a poll":      newEngine(t, f).do(t, http.MethodGet, "", nil),
				"a WebSocket": webSocket(t, f, "", nil),
			} {
				if r.StatusCode == http.StatusBadGateway {
					failed++
					assert.Empty(t, r.Header.Values("Set-Cookie"), "%s that fails", name)
				} else if !expose {
					assert.Empty(t, r.Header.Values("Set-Cookie"), name)
				}
			}
		}
		assert.Positive(t, failed, "handshakes that the dead server got")
	}
}

// stickyCookie is the cookie that Traefik has for a server.
func stickyCookie(address string) string {
	sum := sha256.Sum256([]byte("http://" + address))
	return innerCookie + "=" + hex.EncodeToString(sum[:8])
}

// pageCookie is the cookie that Traefik sets on a page.
func pageCookie(t *testing.T, f front) string {
	t.Helper()
	resp, err := f.get("/health")
	require.NoError(t, err)
	return givenCookie(t, reply{Response: resp})
}

func TestTraefikTakesNoCookieFromAHandshake(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	dead := freeAddress(t)
	h := traefik{chain: []string{retry, plugin}}
	f := h.serve(t, site{upstreams: append([]string{dead}, addresses(nodes)...)})[0]

	t.Run("of a page", func(t *testing.T) {
		page := pageCookie(t, f)
		perNode := map[string]int{}
		for range 12 {
			r := newEngine(t, f).do(t, http.MethodGet, "", http.Header{"Cookie": {page}})
			require.Equal(t, http.StatusOK, r.StatusCode)
			perNode[r.Header.Get("X-Node")]++
		}
		t.Logf("12 sessions, nodes %v", perNode)
		for _, n := range nodes {
			assert.Positive(t, perNode[n.name], "sessions on node %s", n.name)
		}
	})
	t.Run("of a dead server", func(t *testing.T) {
		served := 0
		for range 6 {
			r := newEngine(t, f).do(t, http.MethodGet, "", http.Header{"Cookie": {stickyCookie(dead)}})
			ws := webSocket(t, f, "", http.Header{"Cookie": {stickyCookie(dead)}})
			if r.StatusCode == http.StatusOK && ws.StatusCode == http.StatusSwitchingProtocols {
				served++
			}
		}
		assert.Equal(t, 6, served, "clients that got a session, over polling and WebSocket")
	})
}

// With exposeCookie, clients are to come back by their cookie. They come back to
// a dead server too until the health check has found out.
func TestTraefikAvoidsTheServerOfAnExposedCookieOnceItsHealthCheckFails(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b"}, "--trace")
	h := traefikWith(object{"exposeCookie": true})
	h.healthCheck = true
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	mine := http.Header{"Cookie": {stickyCookie(nodes[0].addr)}}
	for range 4 {
		assert.Equal(t, "a", newEngine(t, f).do(t, http.MethodGet, "", mine).Header.Get("X-Node"))
	}
	nodes[0].stop()
	requireAvoided(t, f, len(nodes))
	r := newEngine(t, f).do(t, http.MethodGet, "", mine)
	assert.Equal(t, "b", r.Header.Get("X-Node"))
	assert.Equal(t, stickyCookie(nodes[1].addr), givenCookie(t, r))
}

// webSocket asks for a WebSocket, for a session's upgrade when there is a sid,
// and ends it.
func webSocket(t *testing.T, f front, sid string, header http.Header) reply {
	t.Helper()
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/socket.io/?"+query, http.NoBody)
	require.NoError(t, err)
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	maps.Copy(req.Header, header)
	resp, err := newEngine(t, f).client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return reply{Response: resp}
}
