package caddy

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
)

// patience is how long to wait for something that has to happen.
const patience = 30 * time.Second

// client sends requests that must get a reply.
var client = &http.Client{Timeout: patience}

// server is Caddy, run in this process.
type server struct {
	url string
	log string
	// options has the lines of the global options block.
	options string
}

// serve runs a site, given as the lines of its block, until the test ends.
func serve(t *testing.T, site string) *server {
	t.Helper()
	return serveWith(t, "", site)
}

// serveWith is serve with lines for the global options.
func serveWith(t *testing.T, options, site string) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	s := &server{url: "http://" + address, log: filepath.Join(t.TempDir(), "caddy.log"), options: options}
	config, err := adapt(s.caddyfile(site))
	require.NoError(t, err)
	require.NoError(t, caddy.Load(config, true))
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
	return s
}

// caddyfile returns the Caddyfile of a site.
func (s *server) caddyfile(site string) string {
	return fmt.Sprintf(`{
		admin off
		persist_config off
		log {
			output file %s
			level DEBUG
		}
		%s
	}
	%s {
		bind 127.0.0.1
		%s
	}`, s.log, s.options, s.url, site)
}

// reload replaces the site.
func (s *server) reload(t *testing.T, site string) {
	t.Helper()
	config, err := adapt(s.caddyfile(site))
	require.NoError(t, err)
	require.NoError(t, caddy.Load(config, true))
}

// logged returns the lines of the log that contain all of the words.
func (s *server) logged(t *testing.T, words ...string) []string {
	t.Helper()
	text, err := os.ReadFile(s.log)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(text)) {
		all := true
		for _, word := range words {
			all = all && strings.Contains(line, word)
		}
		if all {
			lines = append(lines, line)
		}
	}
	return lines
}

// get sends a GET request to /socket.io/ with a query.
func (s *server) get(t *testing.T, query string) (*http.Response, string) {
	t.Helper()
	return s.do(t, http.MethodGet, query)
}

// do is get for any method.
func (s *server) do(t *testing.T, method, query string) (*http.Response, string) {
	t.Helper()
	return s.send(t, method, query, http.Header{})
}

// send is do with headers.
func (s *server) send(t *testing.T, method, query string, header http.Header) (*http.Response, string) {
	t.Helper()
	return s.sendTo(t, "/socket.io/", method, query, header)
}

// at is get for any path.
func (s *server) at(t *testing.T, path, query string) (*http.Response, string) {
	t.Helper()
	return s.sendTo(t, path, http.MethodGet, query, http.Header{})
}

// sendTo is send for any path.
func (s *server) sendTo(t *testing.T, path, method, query string, header http.Header) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+path+"?"+query, http.NoBody)
	require.NoError(t, err)
	req.Header = header
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(body)
}

// open opens a session and returns its ID as the client gets it.
func (s *server) open(t *testing.T, query string) string {
	t.Helper()
	res, body := s.get(t, query)
	require.Equal(t, http.StatusOK, res.StatusCode, body)
	return sidIn(t, body)
}

// sidIn returns the session ID in an open packet.
func sidIn(t *testing.T, body string) string {
	t.Helper()
	_, sid, _ := strings.Cut(body, `"sid":"`)
	sid, _, found := strings.Cut(sid, `"`)
	require.True(t, found, body)
	return sid
}

// node is a fake Socket.IO node that records its requests. Package e2e has real
// ones.
type node struct {
	*httptest.Server
	t        *testing.T // of startNode
	name     string
	sessions atomic.Int64
	// queries has the raw query of each request, and cookies the lines of its
	// Cookie header, joined by newlines.
	queries, cookies chan string
	// header is added to each reply.
	header http.Header
	// hold, if set, blocks each poll until it is closed.
	hold chan struct{}
	// frozen, if set, blocks each request until it is closed.
	frozen chan struct{}
}

// startNode starts a node that opens sessions, and replies to their polls with its
// name.
func startNode(t *testing.T, name string) *node {
	t.Helper()
	n := &node{t: t, name: name, queries: make(chan string, 1000), cookies: make(chan string, 1000)}
	n.Server = httptest.NewServer(n)
	t.Cleanup(n.Server.Close)
	return n
}

// Close ends the node. Until the test ends, connections to it are refused.
func (n *node) Close() {
	n.Server.Close()
	if n.t != nil {
		n.t.Cleanup(holdPort(n.Listener.Addr().(*net.TCPAddr)))
	}
}

func (n *node) address() string { return n.Listener.Addr().String() }

func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.queries <- r.URL.RawQuery
	n.cookies <- strings.Join(r.Header["Cookie"], "\n")
	if n.frozen != nil {
		<-n.frozen
	}
	maps.Copy(w.Header(), n.header)
	switch sid := r.URL.Query().Get("sid"); {
	case sid == "":
		packet := fmt.Sprintf(`0{"sid":"%s-%d","upgrades":[]}`, n.name, n.sessions.Add(1))
		if r.URL.Query().Get("EIO") == "3" {
			packet = fmt.Sprintf("%d:%s", len(packet), packet)
		}
		_, _ = io.WriteString(w, packet)
	case strings.HasPrefix(sid, n.name+"-"):
		if n.hold != nil {
			<-n.hold
		}
		_, _ = io.WriteString(w, n.name)
	default:
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code":1,"message":"Session ID unknown"}`)
	}
}

// startNodes starts nodes named a, b, c and so on.
func startNodes(t *testing.T, count int) (nodes []*node, addresses string) {
	t.Helper()
	for i := range count {
		n := startNode(t, string(rune('a'+i)))
		nodes = append(nodes, n)
		addresses += " " + n.address()
	}
	return nodes, addresses
}
