package testbed

import (
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Site is what a host is asked to serve on an address of its own.
type Site struct {
	Upstreams []string // the nodes' addresses
	HTTPS     bool     // HTTPS, with a certificate nobody knows
	Compress  bool     // compress replies with gzip
}

// Endpoint is the address of a site that a host serves.
type Endpoint struct {
	URL        string // scheme://host:port
	TagPattern string // the pattern of the tags that it gives to sids

	// KnowsTags says that it takes off only the tags of its own upstreams, and no
	// other of the same form.
	KnowsTags bool

	// greets says that it gives a cookie to a client whose session begins with
	// a WebSocket.
	SetsCookieOnWebSocket bool

	// gives says that it gives a cookie to every client.
	SetsCookie bool

	// uneven says that it may give one node more sessions than another.
	Unbalanced bool

	// proxy is the host's program, and profile where that tells of itself, if
	// it does: host:port.
	Program      *Process
	DebugAddress string
}

// CookiesFor is how many cookies the front sets for so many clients.
func (f Endpoint) CookiesFor(clients int, transports []string) int {
	if f.SetsCookie || f.SetsCookieOnWebSocket && transports[0] == "websocket" {
		return clients
	}
	return 0
}

// BoundSIDPattern is the pattern of what a client must be given: the tag, a dot, and
// the node's own sid.
func (f Endpoint) BoundSIDPattern() string {
	return "^" + f.TagPattern + `\.[A-Za-z0-9_-]{20}$`
}

// Proxy is a program under test. The same cases run against each.
type Proxy interface {
	// serve starts the host, one front for each site, and returns them once
	// all of them answer. It ends with the test.
	Serve(t *testing.T, sites ...Site) []Endpoint
}

// ServeTimes starts a host several times, each for the same site.
func ServeTimes(t *testing.T, times int, h Proxy, s Site) []Endpoint {
	t.Helper()
	var endpoints []Endpoint
	for range times {
		endpoints = append(endpoints, h.Serve(t, s)...)
	}
	return endpoints
}

// Get asks the front for a path with a connection of its own.
func (f Endpoint) Get(path string) (*http.Response, error) {
	client := http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the host's own
		},
	}
	resp, err := client.Get(f.URL + path)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// Fetch asks the front for a path and reads the reply. It follows no redirect.
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

// requireAnswers waits until the front answers a request, whatever it says, for
// as long as the process behind it runs.
func (f Endpoint) requireAnswers(t *testing.T, p *Process) {
	t.Helper()
	RequireEventually(t, p.Name+" answers at "+f.URL, func() bool {
		p.RequireRunning(t)
		_, err := f.Get("/")
		return err == nil
	})
}

// Port is the port of the front.
func (f Endpoint) Port() string {
	return f.URL[strings.LastIndex(f.URL, ":")+1:]
}

// Address is where the front listens, host:port.
func (f Endpoint) Address() string {
	_, address, _ := strings.Cut(f.URL, "://")
	return address
}
