package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// RunningCaddy is a Caddy with an admin endpoint.
type RunningCaddy struct {
	*Process
	Admin   string // host:port
	options string // more global options

	// expects has parts of the error lines that the log may have.
	ExpectedErrors []string
}

// StartCaddy runs Caddy with these sites until the test ends, and returns it
// once all fronts answer.
func StartCaddy(t *testing.T, sites string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	return Caddy{}.Start(t, sites, endpoints...)
}

// StartCaddyfile runs Caddy with a Caddyfile that a test writes whole, global
// options too, as StartCaddy does with the sites alone. The admin endpoint is in
// the Caddyfile.
func StartCaddyfile(t *testing.T, admin, caddyfile string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	c := &RunningCaddy{Admin: admin}
	c.start(t, Binary("caddy"), caddyfile, endpoints...)
	return c
}

// StartCaddyBesideAnother starts a Caddy with sites that another one may serve too, and
// waits until this one serves them.
func StartCaddyBesideAnother(t *testing.T, sites string) {
	t.Helper()
	c := StartCaddy(t, sites)
	RequireEventually(t, "Caddy serves", func() bool {
		c.RequireRunning(t)
		return strings.Contains(c.Log.String(), "serving initial configuration")
	})
}

// Start runs Caddy with these sites, as StartCaddy does.
func (c Caddy) Start(t *testing.T, sites string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	binary := Binary("caddy")
	if c.Race {
		binary = buildRaceCaddy(t)
	}
	running := &RunningCaddy{Admin: FreeAddress(t), options: c.GlobalOptions, ExpectedErrors: c.ExpectedErrors}
	running.start(t, binary, running.Caddyfile(sites), endpoints...)
	return running
}

// start runs Caddy with a Caddyfile until the test ends, and checks then what
// its log has said. It returns once all fronts answer. Caddy keeps its files in a
// directory of the test's.
func (c *RunningCaddy) start(t *testing.T, binary, caddyfile string, endpoints ...Endpoint) {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "Caddyfile")
	require.NoError(t, os.WriteFile(config, []byte(caddyfile), 0o600))
	env := []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}
	t.Cleanup(func() { // once it has ended
		if c.Process != nil {
			assertCaddyLogClean(t, c.Log.String(), c.ExpectedErrors)
		}
	})
	c.Process = StartSupervised(t, "caddy", env, binary, "run", "--config", config, "--adapter", "caddyfile")
	for _, f := range endpoints {
		f.requireAnswers(t, c.Process)
	}
}

// Caddyfile writes a Caddyfile with these sites. Its log has what net/http has
// to complain of, which is for debugging, to Caddy.
func (c *RunningCaddy) Caddyfile(sites string) string {
	return "{\nadmin " + c.Admin + `
default_bind 127.0.0.1
skip_install_trust
auto_https disable_redirects
log stdlib {
	output stderr
	format json
	level DEBUG
	include http.stdlib
}
` + c.options + `
}
` + sites
}

// Load replaces the running config, as caddy reload does.
func (c *RunningCaddy) Load(t *testing.T, sites string) {
	t.Helper()
	c.LoadCaddyfile(t, c.Caddyfile(sites))
}

// LoadCaddyfile replaces the running config by a Caddyfile that a test writes
// whole.
func (c *RunningCaddy) LoadCaddyfile(t *testing.T, caddyfile string) {
	t.Helper()
	status, said := c.AdminRequest(t, http.MethodPost, "/load", "text/caddyfile", caddyfile)
	require.Equal(t, http.StatusOK, status, "loading a config: %s", said)
}

// LoadPortRange replaces the running config by a Caddyfile, of which it has the
// server on the first of some ports listen on all of them. A Caddyfile cannot say
// so.
func (c *RunningCaddy) LoadPortRange(t *testing.T, sites string, ports []Endpoint) {
	t.Helper()
	status, adapted := c.AdminRequest(t, http.MethodPost, "/adapt", "text/caddyfile", c.Caddyfile(sites))
	require.Equal(t, http.StatusOK, status, adapted)
	var answer struct{ Result json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(adapted), &answer))
	one := `"` + ports[0].Address() + `"`
	config := string(answer.Result)
	require.Equal(t, 1, strings.Count(config, one), config)
	config = strings.Replace(config, one, `"`+ports[0].Address()+"-"+ports[len(ports)-1].Port()+`"`, 1)
	status, said := c.AdminRequest(t, http.MethodPost, "/load", "application/json", config)
	require.Equal(t, http.StatusOK, status, said)
}

// AdminRequest sends a request to the admin API and returns the status and the body
// of the reply.
func (c *RunningCaddy) AdminRequest(t *testing.T, method, path, contentType, body string) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.Admin+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	client := http.Client{Timeout: Timeout}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(read)
}

// Terminate ends Caddy with a signal and waits for its end.
func (c *RunningCaddy) Terminate(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(Endpoint{Program: c.Process}.PID(t), signal))
	c.RequireExited(t)
}
