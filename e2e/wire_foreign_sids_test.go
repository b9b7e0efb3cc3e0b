package e2e

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// TestCaddyDoesNotStripSessionIDsThatItDidNotTag has a node with dots in its
// session IDs: too long to be tagged, and of sessions that were opened without
// the proxy, as before it was deployed.
func TestCaddyDoesNotStripSessionIDsThatItDidNotTag(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		length int
		direct bool // the session is opened without the proxy
	}{
		"too long to be bound":       {length: 300},
		"opened before it was there": {length: 40, direct: true},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a"}, "--trace", "--dotted-ids", fmt.Sprint(tc.length))
			f := testbed.CaddyShorthand.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
			e := testbed.NewEngine(t, f)
			if tc.direct {
				e.Endpoint = testbed.Endpoint{URL: "http://" + nodes[0].Addr}
			}
			e.Handshake(t)
			require.Len(t, e.SID, tc.length)
			require.Contains(t, e.SID, ".")
			e.Endpoint = f
			node := e.Connect(t)
			assert.Equal(t, node, e.Echo(t, "a text"))
			r := e.Do(t, http.MethodOptions, "", nil)
			assert.Equal(t, e.SID, testbed.SeenSID(t, r))
		})
	}
}

func TestTraefikDoesNotStripSessionIDsThatItDidNotTag(t *testing.T) {
	t.Parallel()
	f := testbed.TraefikPlugin.Serve(t, testbed.Site{Upstreams: []string{testbed.StartMirror(t)}})[0]
	jwt := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + longText(300) + ".c2lnbmF0dXJl"
	for _, sid := range []string{
		jwt,
		"eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
		"node1.AbCdEfGhIjKlMnOpQrSt",
		"AbCdEfGhIjK.AbCdEfGhIjKlMnOpQrSt",                 // with a tag of Caddy
		"0123456789ABCDEF.AbCdEfGhIjKlMnOpQrSt",            // hexadecimal, but not as in Traefik's cookie
		"0123456789abcdef0.AbCdEfGhIjKlMnOpQrSt",           // too long
		"0123456789abcde.AbCdEfGhIjKlMnOpQrSt",             // too short
		"0123456789abcdef." + longText(257),                // too long to be tagged
		"af31.1f0c.AbCdEfGhIjKlMnOpQrSt",                   //
		"0b6a1b1e-6f5c-4c0e-8f6c-0d1d0a3b9c11.2024.12.1.a", //
	} {
		e := testbed.NewEngine(t, f)
		e.SID = sid
		r := e.Do(t, http.MethodPost, "", nil)
		assert.Contains(t, r.Text, `sid=`+sid, "what arrives of a session ID")
		assert.Contains(t, r.Text, `"Cookies":null`)
	}
}

// longText returns this many characters, none of them a dot.
func longText(length int) string {
	text := make([]byte, length)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	return string(text)
}

// The id of an Engine.IO client is the session ID that it receives.
func TestTraefikChangesTheIDOfEngineIOClientsExceptWithSidLearn(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	for sid, want := range map[string]string{"auto": testbed.TraefikPlugin.Tag() + `\.[A-Za-z0-9_-]{20}`, "learn": `[A-Za-z0-9_-]{20}`} {
		e := testbed.NewEngine(t, traefikSID(sid).Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0])
		opened := e.Handshake(t)
		assert.Regexp(t, "^"+want+"$", e.SID, "sid %s", sid)
		for range 6 {
			assert.Equal(t, opened.Header.Get("X-Node"), e.Post(t, "3").Header.Get("X-Node"), "sid %s", sid)
		}
	}
}

// Servers take a request without EIO as one of Engine.IO 3. The plugin does
// not.
func TestTraefikLosesSessionsOfRequestsWithoutEIO(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b"}, "--trace", "--allow-eio3")
	f := testbed.TraefikPlugin.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]
	get := func(query string) testbed.Reply {
		resp, err := testbed.NewEngine(t, f).Client.Get(f.URL + "/socket.io/?transport=polling" + query)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return testbed.Reply{Response: resp, Text: string(body)}
	}
	opened := get("")
	require.Equal(t, http.StatusOK, opened.StatusCode)
	sid := regexp.MustCompile(`"sid":"([A-Za-z0-9_-]{20})"`).FindStringSubmatch(opened.Text)
	require.NotNil(t, sid, "an open packet of Engine.IO 3, as the node wrote it: %s", opened.Text)
	unknown := 0
	for range 2 {
		if r := get("&sid=" + sid[1]); r.StatusCode == http.StatusBadRequest {
			unknown++
		}
	}
	assert.Equal(t, 1, unknown, "of two requests, those that the other node got")
}
