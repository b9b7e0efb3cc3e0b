package testbed

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Site is what a proxy serves at one address.
type Site struct {
	Upstreams []string // the nodes' addresses
	HTTPS     bool     // with a certificate of the proxy's own
	Compress  bool     // compress replies with gzip
}

// Endpoint is the address at which a proxy serves a site.
type Endpoint struct {
	URL        string // scheme://host:port
	TagPattern string // matches the tags in session IDs

	// KnowsTags means that the proxy strips only the tags of its own upstreams, not
	// every tag of the same form.
	KnowsTags bool

	// SetsCookieOnWebSocket means that the proxy sets a cookie when a session begins
	// with a WebSocket.
	SetsCookieOnWebSocket bool

	// SetsCookie means that the proxy sets a cookie for every client.
	SetsCookie bool

	// Unbalanced means that one node may get more sessions than another.
	Unbalanced bool

	// Program is the proxy, and DebugAddress the host:port of its pprof endpoint, if
	// it has one.
	Program      *Process
	DebugAddress string
}

// CookiesFor returns how many cookies the endpoint sets for this many clients.
func (f Endpoint) CookiesFor(clients int, transports []string) int {
	if f.SetsCookie || f.SetsCookieOnWebSocket && transports[0] == "websocket" {
		return clients
	}
	return 0
}

// BoundSIDPattern matches the session ID that a client gets: the tag, a dot,
// and the node's own session ID.
func (f Endpoint) BoundSIDPattern() string {
	return "^" + f.TagPattern + `\.[A-Za-z0-9_-]{20}$`
}

// Proxy is a program under test. The same scenarios run against each.
type Proxy interface {
	// Serve starts the proxy with one endpoint for each site, and returns them once
	// all of them answer. The proxy ends with the test.
	Serve(t *testing.T, sites ...Site) []Endpoint
}

// ServeTimes starts several proxies, each for the same site.
func ServeTimes(t *testing.T, times int, h Proxy, s Site) []Endpoint {
	t.Helper()
	var endpoints []Endpoint
	for range times {
		endpoints = append(endpoints, h.Serve(t, s)...)
	}
	return endpoints
}

// Get requests a path on a connection of its own.
func (f Endpoint) Get(path string) (*http.Response, error) {
	client := http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the proxy's own
		},
	}
	resp, err := client.Get(f.URL + path)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// Fetch requests a path and reads the reply. It follows no redirect.
func (f Endpoint) Fetch(t *testing.T, path string) (resp *http.Response, body string) {
	t.Helper()
	e := NewEngine(t, f)
	e.Client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := e.Client.Get(f.URL + path)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(read)
}

// requireAnswers waits until the endpoint answers a request with any status, as
// long as the process behind it runs.
func (f Endpoint) requireAnswers(t *testing.T, p *Process) {
	t.Helper()
	RequireEventually(t, p.Name+" answers at "+f.URL, func() bool {
		p.RequireRunning(t)
		_, err := f.Get("/")
		return err == nil
	})
}

// Port returns the port.
func (f Endpoint) Port() string {
	return f.URL[strings.LastIndex(f.URL, ":")+1:]
}

// Address returns host:port.
func (f Endpoint) Address() string {
	_, address, _ := strings.Cut(f.URL, "://")
	return address
}
