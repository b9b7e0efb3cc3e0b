package testbed

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// BrowserOptions are the settings of testdata/socketio/browser.js, where they
// are described.
type BrowserOptions struct {
	ThirdPartyCookies bool     `json:"thirdPartyCookies"`
	Flags             []string `json:"flags"`
}

// Browser is a running Chromium and the program that drives it. Its runs share
// nothing but the program, and several tests may have some at a time.
type Browser struct {
	*local.Process
	temp string

	mu    sync.Mutex
	runs  int                 // started
	lines map[int]chan string // of each run that has not ended
}

// BrowserClients are the settings of clients in a page, which are described in
// browser.js.
type BrowserClients struct {
	Clients
	Run     int         `json:"run"`
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

// The browsers that tests share, by their settings.
var shared struct {
	sync.Mutex
	browsers map[bool]*Browser
}

// SharedBrowser returns a Chromium without HTTP/3, which keeps the cookies of other
// sites or blocks them. It is started once for all tests that ask for it, and runs
// until [StopBrowsers].
func SharedBrowser(t *testing.T, thirdPartyCookies bool) *Browser {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if b := shared.browsers[thirdPartyCookies]; b != nil {
		return b
	}
	b := startBrowser(t, BrowserOptions{ThirdPartyCookies: thirdPartyCookies, Flags: []string{"--disable-quic"}})
	if shared.browsers == nil {
		shared.browsers = map[bool]*Browser{}
	}
	shared.browsers[thirdPartyCookies] = b
	return b
}

// StopBrowsers ends the browsers that tests shared, once all tests have ended.
func StopBrowsers() error {
	shared.Lock()
	defer shared.Unlock()
	var failed error
	for _, b := range shared.browsers {
		failed = errors.Join(failed, b.stop())
	}
	return failed
}

// StartBrowser starts a Chromium of its own for a test, which ends with it.
func StartBrowser(t *testing.T, settings BrowserOptions) *Browser {
	t.Helper()
	b := startBrowser(t, settings)
	t.Cleanup(func() { assert.NoError(t, b.stop()) })
	return b
}

// startBrowser starts a Chromium that ends with this process at the latest.
func startBrowser(t *testing.T, settings BrowserOptions) *Browser {
	t.Helper()
	RequireNodeModules(t)
	RequireChromium(t)
	written, err := json.Marshal(settings)
	require.NoError(t, err)
	// Not the test's own directory, whose path has the name of the test: Chromium
	// puts a socket here, and the path of a socket is limited.
	temp, err := os.MkdirTemp("", "browser-")
	require.NoError(t, err)
	b := &Browser{temp: temp, lines: map[int]chan string{}}
	b.Process, err = local.Start(local.Options{
		Name: "browser", Env: []string{"TMPDIR=" + temp}, OnLine: b.receive,
		Args: []string{"node", Path("testdata", "socketio", "browser.js"), string(written)},
	})
	require.NoError(t, err)
	return b
}

// stop closes standard input and waits until the driver has ended its Chromium,
// which has a process group of its own.
func (b *Browser) stop() error {
	_ = b.Stdin.Close()
	var failed error
	if _, ended := Receive(b.Exited()); !ended {
		failed = fmt.Errorf("the browser has not ended in %s", Timeout)
		b.Kill()
	}
	return errors.Join(failed, os.RemoveAll(b.temp))
}

// receive hands the result of a run to the test that waits for it.
func (b *Browser) receive(line string) {
	var result struct{ Run int }
	_ = json.Unmarshal([]byte(line), &result)
	b.mu.Lock()
	defer b.mu.Unlock()
	if lines := b.lines[result.Run]; lines != nil {
		lines <- line
		delete(b.lines, result.Run)
	}
}

// Start has the browser load the page, and does not wait for the result of the
// clients.
func (b *Browser) Start(t *testing.T, c BrowserClients) *RunningClients {
	t.Helper()
	// Shorter than the wait for the result, so that the page reports what is late.
	c.Timeout = (Timeout / 2).Milliseconds()
	running := &RunningClients{Process: &Process{Process: b.Process, Lines: make(chan string, 1)}, Clients: c.Clients, since: time.Now()}
	t.Cleanup(func() { logIfFailed(t, b.Process) })
	b.mu.Lock()
	defer b.mu.Unlock()
	b.runs++
	c.Run = b.runs
	b.lines[c.Run] = running.Lines
	settings, err := json.Marshal(c)
	require.NoError(t, err)
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
