package e2e

import (
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What an Engine.IO client has for its id is the session ID that it was given.
func TestTraefikChangesTheIDOfEngineIOClientsButNotUnderSidLearn(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	for sid, want := range map[string]string{"auto": traefikPlugin.tag() + `\.[A-Za-z0-9_-]{20}`, "learn": `[A-Za-z0-9_-]{20}`} {
		e := newEngine(t, traefikSID(sid).serve(t, site{upstreams: addresses(nodes)})[0])
		opened := e.handshake(t)
		assert.Regexp(t, "^"+want+"$", e.sid, "sid %s", sid)
		for range 6 {
			assert.Equal(t, opened.Header.Get("X-Node"), e.post(t, "3").Header.Get("X-Node"), "sid %s", sid)
		}
	}
}

// Servers take a request without EIO for one of Engine.IO 3. To the plugin it is
// anybody's.
func TestTraefikDoesNotHoldSessionsOfRequestsWithoutEIO(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b"}, "--trace", "--allow-eio3")
	f := traefikPlugin.serve(t, site{upstreams: addresses(nodes)})[0]
	get := func(query string) reply {
		resp, err := newEngine(t, f).client.Get(f.url + "/socket.io/?transport=polling" + query)
		require.NoError(t, err)
		defer func() { _ = resp.Body.Close() }()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return reply{Response: resp, body: string(body)}
	}
	opened := get("")
	require.Equal(t, http.StatusOK, opened.StatusCode)
	sid := regexp.MustCompile(`"sid":"([A-Za-z0-9_-]{20})"`).FindStringSubmatch(opened.body)
	require.NotNil(t, sid, "an open packet of Engine.IO 3, as the node wrote it: %s", opened.body)
	unknown := 0
	for range 2 {
		if r := get("&sid=" + sid[1]); r.StatusCode == http.StatusBadRequest {
			unknown++
		}
	}
	assert.Equal(t, 1, unknown, "of two requests, those that the other node got")
}
