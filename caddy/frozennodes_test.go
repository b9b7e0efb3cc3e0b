package caddy

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// startFrozenNodes starts this many nodes that accept requests and do not answer
// until the test thaws them, and one that answers, in the order in which the
// policy first selects them.
func startFrozenNodes(t *testing.T, count int) (frozen []*node, thaw func(), addresses string) {
	t.Helper()
	until := make(chan struct{})
	for i := range count {
		n := &node{name: string(rune('a' + i)), queries: make(chan string, 1000), cookies: make(chan string, 1000), frozen: until}
		n.Server = httptest.NewServer(n)
		t.Cleanup(n.Close)
		frozen = append(frozen, n)
		addresses += " " + n.address()
	}
	thaw = sync.OnceFunc(func() { close(until) })
	t.Cleanup(thaw)
	return frozen, thaw, addresses
}

// serveFrozen serves a site with options, whose first node is frozen and whose
// second one is not.
func serveFrozen(t *testing.T, options string) (s *server, frozen, other *node, thaw func()) {
	t.Helper()
	nodes, thaw, addresses := startFrozenNodes(t, 1)
	other = startNode(t, "z")
	s = serve(t, "socketio"+addresses+" "+other.address()+" {\n fallback first\n handshake_timeout 100ms\n"+options+"\n}")
	return s, nodes[0], other, thaw
}

// begin sends a request and returns a channel for the body of the reply.
func (s *server) begin(t *testing.T, method, query, body string) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/socket.io/?"+query, strings.NewReader(body))
	require.NoError(t, err)
	reply := make(chan string, 1)
	go func() {
		defer close(reply)
		res, err := client.Do(req)
		if !assert.NoError(t, err) {
			return
		}
		defer res.Body.Close()
		read, err := io.ReadAll(res.Body)
		assert.NoError(t, err)
		reply <- string(read)
	}()
	return reply
}

// opening has the queries of requests that open a session.
var opening = []struct{ name, method, query string }{
	{"a polling handshake", http.MethodGet, polling},
	{"one of Engine.IO 3", http.MethodGet, polling3},
	{"a preflight request", http.MethodOptions, polling},
	{"a handshake over WebSocket", http.MethodGet, "EIO=4&transport=websocket"},
}
