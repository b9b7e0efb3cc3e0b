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

// BrowserOptions is how testdata/socketio/browser.js is told to start
// Chromium; its fields are described there.
type BrowserOptions struct {
	ThirdPartyCookies bool     `json:"thirdPartyCookies"`
	Flags             []string `json:"flags"`
}

// NoQUIC is the flag of a Chromium that is not to try HTTP/3.
const NoQUIC = "--disable-quic"

// Browser is a running Chromium and the program that drives it.
type Browser struct {
	*Process
}

// BrowserClients is what browser.js is told to do: a crowd in a page. The other
// fields are described there.
type BrowserClients struct {
	Clients
	Page    string      `json:"page"`
	Build   ClientBuild `json:"build"`
	Options Object      `json:"options,omitempty"`
	Visit   bool        `json:"visit,omitempty"`
}

// ClientBuild is a client's published build for browsers.
type ClientBuild string

const (
	SocketIO4Build ClientBuild = "socket.io-4"
	SocketIO2Build ClientBuild = "socket.io-2"
	EngineIOBuild  ClientBuild = "engine.io"
)

// StartBrowser starts a Chromium that ends with the test.
func StartBrowser(t *testing.T, settings BrowserOptions) *Browser {
	t.Helper()
	requireNodeModules(t)
	_, err := os.Stat(Chromium())
	require.NoError(t, err, "Chromium is not installed: run make deps, or name yours in CHROMIUM")
	input, err := json.Marshal(settings)
	require.NoError(t, err)
	// Not the test's own directory, which has its name: Chromium puts a socket in
	// here, and the path of a socket is short.
	temp, err := os.MkdirTemp("", "browser-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(temp)) })
	b := &Browser{start(t, "browser", []string{"TMPDIR=" + temp}, "node", Path("testdata", "socketio", "browser.js"), string(input))}
	t.Cleanup(func() {
		// Chromium has a process group of its own, so let its driver end it.
		_ = b.stdin.Close()
		select {
		case <-b.exited:
		case <-time.After(Timeout):
			t.Errorf("the browser has not ended in %s", Timeout)
		}
	})
	return b
}

// Start has the browser load the page, and does not wait for its crowd.
func (b *Browser) Start(t *testing.T, c BrowserClients) *RunningClients {
	t.Helper()
	c.Timeout = (Timeout / 2).Milliseconds()
	input, err := json.Marshal(c)
	require.NoError(t, err)
	running := &RunningClients{Process: b.Process, Clients: c.Clients, since: time.Now()}
	running.Send(t, string(input))
	return running
}

// Run has the browser load the page and waits for what its crowd has to say.
func (b *Browser) Run(t *testing.T, c BrowserClients) Result {
	t.Helper()
	// Less than this waits, so that the page has time to say what did not happen.
	c.Timeout = (Timeout / 2).Milliseconds()
	input, err := json.Marshal(c)
	require.NoError(t, err)
	running := &RunningClients{Process: b.Process, Clients: c.Clients, since: time.Now()}
	running.Send(t, string(input))
	return running.Wait(t)
}

// PagePath is where every node serves the page.
const PagePath = "/page/"

// PageClients is a crowd in a page of the front that it connects to. It is small,
// as a browser opens six connections to a host at the most: each client that
// polls holds one, and all of them need another to send.
func PageClients(f Endpoint, build ClientBuild, transports ...string) BrowserClients {
	return BrowserClients{
		Clients: Clients{URL: f.URL, Count: 5, Transports: transports, Messages: 4, MaxBytes: 20_000},
		Page:    f.URL + PagePath,
		Build:   build,
	}
}

// CrossSiteClients is a crowd in a page of another site than the front's: one
// that a node serves as localhost, which is another than 127.0.0.1.
func CrossSiteClients(f Endpoint, n *Node, build ClientBuild, transports ...string) BrowserClients {
	c := PageClients(f, build, transports...)
	c.Page = "http://" + strings.Replace(n.Addr, "127.0.0.1", "localhost", 1) + PagePath
	return c
}

// KeptCookies is how many cookies a browser has after a crowd: one of a name,
// however often it was set.
func KeptCookies(f Endpoint, c BrowserClients) int {
	kept := min(f.CookiesFor(c.Count, c.Transports), 1)
	if c.Build == SocketIO2Build && c.Transports[0] == "polling" {
		kept++ // nodeCookie, at which nobody looks here
	}
	return kept
}

// ForceHTTP3 returns the flags of a Chromium that speaks HTTP/3 with the front
// from the start, and takes the certificate for it that the front has.
func (f Endpoint) ForceHTTP3(t *testing.T) []string {
	t.Helper()
	_, address, _ := strings.Cut(f.URL, "://")
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the host's own
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	key := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].RawSubjectPublicKeyInfo)
	return []string{
		"--origin-to-force-quic-on=" + address,
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(key[:]),
	}
}
