package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// browserSettings is how testdata/socketio/browser.js is told to start
// Chromium; its fields are described there.
type browserSettings struct {
	ThirdPartyCookies bool     `json:"thirdPartyCookies"`
	Flags             []string `json:"flags"`
}

// noQUIC is the flag of a Chromium that is not to try HTTP/3.
const noQUIC = "--disable-quic"

// browser is a running Chromium and the program that drives it.
type browser struct {
	*process
}

// browserCrowd is what browser.js is told to do: a crowd in a page. The other
// fields are described there.
type browserCrowd struct {
	crowd
	Page    string `json:"page"`
	Build   build  `json:"build"`
	Options object `json:"options,omitempty"`
	Visit   bool   `json:"visit,omitempty"`
}

// build is a client's published build for browsers.
type build string

const (
	socketIO4Build build = "socket.io-4"
	socketIO2Build build = "socket.io-2"
	engineIOBuild  build = "engine.io"
)

// startBrowser starts a Chromium that ends with the test.
func startBrowser(t *testing.T, settings browserSettings) *browser {
	t.Helper()
	requireNodeModules(t)
	_, err := os.Stat(chromium())
	require.NoError(t, err, "Chromium is not installed: run make deps, or name yours in CHROMIUM")
	told, err := json.Marshal(settings)
	require.NoError(t, err)
	// Not the test's own directory, which has its name: Chromium puts a socket in
	// here, and the path of a socket is short.
	temp, err := os.MkdirTemp("", "browser-")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(temp)) })
	b := &browser{start(t, "browser", []string{"TMPDIR=" + temp}, "node", filepath.Join(socketioDir, "browser.js"), string(told))}
	t.Cleanup(func() {
		// Chromium has a process group of its own, so let its driver end it.
		_ = b.stdin.Close()
		select {
		case <-b.exited:
		case <-time.After(guard):
			t.Errorf("the browser has not ended in %s", guard)
		}
	})
	return b
}

func chromium() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}

// run has the browser load the page and waits for what its crowd has to say.
func (b *browser) run(t *testing.T, c browserCrowd) outcome {
	t.Helper()
	// Less than this waits, so that the page has time to say what did not happen.
	c.Guard = (guard / 2).Milliseconds()
	told, err := json.Marshal(c)
	require.NoError(t, err)
	running := &runningCrowd{process: b.process, crowd: c.crowd, since: time.Now()}
	running.tell(t, string(told))
	return running.outcome(t)
}

// pageCrowd is a crowd in a page of the front that it connects to. It is small,
// as a browser opens six connections to a host at the most: each client that
// polls holds one, and all of them need another to send.
func pageCrowd(f front, build build, transports ...string) browserCrowd {
	return browserCrowd{
		crowd: crowd{URL: f.url, Clients: 5, Transports: transports, Messages: 4, MaxBytes: 20_000},
		Page:  f.url + page,
		Build: build,
	}
}

// page is where every node serves the page.
const page = "/page/"
