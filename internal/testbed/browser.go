package testbed

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// BrowserOptions are the settings of testdata/socketio/browser.js, where they
// are described.
type BrowserOptions struct {
	ThirdPartyCookies bool     `json:"thirdPartyCookies"`
	Flags             []string `json:"flags"`
}

// NoQUIC is the flag of a Chromium that does not try HTTP/3.
const NoQUIC = "--disable-quic"

// Browser is a running Chromium and the program that drives it.
type Browser struct {
	*Process
}

// BrowserClients are the settings of clients in a page, which are described in
// browser.js.
type BrowserClients struct {
	Clients
	Page    string      `json:"page"`
	Build   ClientBuild `json:"build"`
	Options Object      `json:"options,omitempty"`
	Visit   bool        `json:"visit,omitempty"`
}

// ClientBuild is a client's published build for browsers.
type ClientBuild string

// The builds that nodes serve.
const (
	SocketIO4Build ClientBuild = "socket.io-4"
	SocketIO2Build ClientBuild = "socket.io-2"
	EngineIOBuild  ClientBuild = "engine.io"
)

// StartBrowser starts a Chromium that ends with the test.
func StartBrowser(t *testing.T, settings BrowserOptions) *Browser {
	t.Helper()
	RequireNodeModules(t)
	RequireChromium(t)
	written, err := json.Marshal(settings)
	require.NoError(t, err)
	// Not the test's own directory, whose path has the name of the test: Chromium
	// puts a socket here, and the path of a socket is limited.
	temp, err := os.MkdirTemp("", "browser-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(temp)) })
	b := &Browser{start(t, "browser", []string{"TMPDIR=" + temp}, "node", Path("testdata", "socketio", "browser.js"), string(written))}
	b.EndByStdin(t) // Chromium has a process group of its own: its driver ends it
	return b
}

// Start has the browser load the page, and does not wait for the result of the
// clients.
func (b *Browser) Start(t *testing.T, c BrowserClients) *RunningClients {
	t.Helper()
	// Shorter than the wait for the result, so that the page reports what is late.
	c.Timeout = (Timeout / 2).Milliseconds()
	settings, err := json.Marshal(c)
	require.NoError(t, err)
	running := &RunningClients{Process: b.Process, Clients: c.Clients, since: time.Now()}
	running.Send(t, string(settings))
	return running
}

// Run has the browser load the page and waits for the result of the clients.
func (b *Browser) Run(t *testing.T, c BrowserClients) Result {
	t.Helper()
	return b.Start(t, c).Wait(t)
}

// PagePath is where every node serves the page.
const PagePath = "/page/"

// PageClients returns clients in a page of the endpoint that they connect to.
// They are few, as a browser opens at most six connections to a host: each
// client that polls holds one, and all of them need another to send.
func PageClients(f Endpoint, build ClientBuild, transports ...string) BrowserClients {
	return BrowserClients{
		Clients: Clients{URL: f.URL, Count: 5, Transports: transports, Messages: 4, MaxBytes: 20_000},
		Page:    f.URL + PagePath,
		Build:   build,
	}
}

// CrossSiteClients returns clients in a page of another site than the
// endpoint's: one that a node serves as localhost, which is another site than
// 127.0.0.1.
func CrossSiteClients(f Endpoint, n *Node, build ClientBuild, transports ...string) BrowserClients {
	c := PageClients(f, build, transports...)
	c.Page = "http://" + strings.Replace(n.Addr, "127.0.0.1", "localhost", 1) + PagePath
	return c
}

// KeptCookies returns how many cookies a browser has after clients ran in it:
// one of each name, however often it was set.
func KeptCookies(f Endpoint, c BrowserClients) int {
	kept := min(f.CookiesFor(c.Count, c.Transports), 1)
	if c.Build == SocketIO2Build && c.Transports[0] == "polling" {
		kept++ // the nodes' own, which is not looked at here
	}
	return kept
}

// ForceHTTP3 returns the flags of a Chromium that speaks HTTP/3 with the
// endpoint from the start and accepts its certificate.
func (f Endpoint) ForceHTTP3(t *testing.T) []string {
	t.Helper()
	_, address, _ := strings.Cut(f.URL, "://")
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the proxy's own
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	key := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return []string{
		"--origin-to-force-quic-on=" + address,
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:]),
	}
}
