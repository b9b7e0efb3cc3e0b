package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A node receives the request as the client sent it, but for the tag, which is
// nowhere in the query.
func TestTraefikChangesOnlyTheSessionIDOfARequest(t *testing.T) {
	t.Parallel()
	f := testbed.TraefikPlugin.Serve(t, testbed.Site{Upstreams: []string{testbed.StartMirror(t)}})[0]
	e := testbed.NewEngine(t, f)
	e.HandshakeBound(t)
	tag, _, _ := strings.Cut(e.SID, ".")
	pinned := testbed.InnerCookie + "=" + tag

	cases := []struct {
		name          string
		method, query string
		headers       http.Header
		uri           string
		cookies       []string
	}{
		{
			name:   "a poll",
			method: http.MethodGet, query: "EIO=4&transport=polling&t=Ox1-_.~&sid=" + e.SID,
			uri: "EIO=4&transport=polling&t=Ox1-_.~&sid=" + testbed.PlainSID, cookies: []string{pinned},
		},
		{
			name:   "a post with cookies",
			method: http.MethodPost, query: "sid=" + e.SID + "&transport=polling&EIO=4",
			headers: http.Header{"Cookie": {`a="1 2"; ` + testbed.InnerCookie + `=other;b=2`, "c=ü"}},
			uri:     "sid=" + testbed.PlainSID + "&transport=polling&EIO=4",
			cookies: []string{pinned + `; a="1 2";b=2`, "c=ü"},
		},
		{
			name:   "a preflight",
			method: http.MethodOptions, query: "EIO=4&transport=polling&sid=" + e.SID,
			uri: "EIO=4&transport=polling&sid=" + testbed.PlainSID, cookies: []string{pinned},
		},
		{
			name:   "a semicolon before the sid",
			method: http.MethodGet, query: "EIO=4&transport=polling&x=1;2&sid=" + e.SID,
			uri: "EIO=4&transport=polling&x=1&2&sid=" + testbed.PlainSID, cookies: []string{pinned},
		},
		{
			name:   "a semicolon after the sid",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + e.SID + "&x=1;2",
			uri: "EIO=4&transport=polling&sid=" + testbed.PlainSID + "&x=1&2", cookies: []string{pinned},
		},
		{
			name:   "a semicolon for an ampersand",
			method: http.MethodGet, query: "EIO=4;transport=polling;sid=" + e.SID + ";t=1",
			uri: "EIO=4&transport=polling&sid=" + testbed.PlainSID + "&t=1", cookies: []string{pinned},
		},
		{
			name:   "an upgrade",
			method: http.MethodGet, query: "EIO=4&transport=websocket&sid=" + e.SID,
			headers: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}},
			uri:     "EIO=4&transport=websocket&sid=" + testbed.PlainSID, cookies: []string{pinned},
		},
		{
			name:   "a tag that no header may hold",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=a%3B%20b%3D1%0D%0Ac:d." + testbed.PlainSID,
			uri: "EIO=4&transport=polling&sid=a%3B%20b%3D1%0D%0Ac:d." + testbed.PlainSID,
		},
		{
			name:   "a tag that is too long",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + strings.Repeat("a", 65) + "." + testbed.PlainSID,
			uri: "EIO=4&transport=polling&sid=" + strings.Repeat("a", 65) + "." + testbed.PlainSID,
		},
		{
			name:   "a tag with more levels than there are",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=0123456789abcdef." + e.SID,
			uri: "EIO=4&transport=polling&sid=" + e.SID, cookies: []string{testbed.InnerCookie + "=0123456789abcdef"},
		},
		{
			name:   "a tag of another form",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=a." + e.SID,
			uri: "EIO=4&transport=polling&sid=a." + e.SID,
		},
		{
			name:   "a session that is not bound",
			method: http.MethodGet, query: "EIO=4&transport=polling&sid=" + testbed.PlainSID,
			headers: http.Header{"Cookie": {"a=1"}},
			uri:     "EIO=4&transport=polling&sid=" + testbed.PlainSID, cookies: []string{"a=1"},
		},
		{
			name:   "Engine.IO 3",
			method: http.MethodGet, query: "EIO=3&transport=polling&sid=" + e.SID,
			uri: "EIO=3&transport=polling&sid=" + e.SID,
		},
		{
			name:   "what is no Engine.IO",
			method: http.MethodGet, query: "sid=" + e.SID,
			uri: "sid=" + e.SID,
		},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tc.method, f.URL+"/socket.io/?"+tc.query, http.NoBody)
			require.NoError(t, err)
			req.Header = tc.headers
			resp, err := e.Client.Do(req)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()
			var got testbed.MirroredRequest
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&got))
			assert.Equal(t, testbed.MirroredRequest{Method: tc.method, URI: "/socket.io/?" + tc.uri, Cookies: tc.cookies}, got)
		})
	}
}
