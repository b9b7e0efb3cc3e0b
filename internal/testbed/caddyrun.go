package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// RunningCaddy is a Caddy with an admin endpoint.
type RunningCaddy struct {
	*Process
	Admin   string // host:port
	options string // more global options
	env     []string

	ExpectedErrors []string // parts of the error lines that its log may have
}

// StartCaddy runs Caddy with these sites until the test ends, and returns once
// all endpoints answer.
func StartCaddy(t *testing.T, sites string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	return Caddy{}.Start(t, sites, endpoints...)
}

// StartCaddyfile runs Caddy as [StartCaddy] does, with a whole Caddyfile that
// has the address of the admin endpoint.
func StartCaddyfile(t *testing.T, admin, caddyfile string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	c := &RunningCaddy{Admin: admin}
	c.start(t, Binary("caddy"), caddyfile, endpoints...)
	return c
}

// StartCaddyBesideAnother runs Caddy with sites that another Caddy may serve
// too, and returns once this one serves them.
func StartCaddyBesideAnother(t *testing.T, sites string) {
	t.Helper()
	c := StartCaddy(t, sites)
	RequireEventually(t, "Caddy serves", func() bool {
		c.RequireRunning(t)
		return strings.Contains(c.Output.String(), "serving initial configuration")
	})
}

// Start runs Caddy with these sites, as [StartCaddy] does.
func (c Caddy) Start(t *testing.T, sites string, endpoints ...Endpoint) *RunningCaddy {
	t.Helper()
	binary := Binary("caddy")
	if c.Race {
		binary = buildRaceCaddy(t)
	}
	running := &RunningCaddy{Admin: FreeAddress(t), options: c.GlobalOptions, env: c.Env, ExpectedErrors: c.ExpectedErrors}
	running.start(t, binary, running.Caddyfile(sites), endpoints...)
	return running
}

// start runs Caddy with a Caddyfile and a home directory of its own until the
// test ends, and then checks its log. It returns once all endpoints answer.
func (c *RunningCaddy) start(t *testing.T, binary, caddyfile string, endpoints ...Endpoint) {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "Caddyfile")
	require.NoError(t, os.WriteFile(config, []byte(caddyfile), 0o600))
	env := append([]string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}, c.env...)
	t.Cleanup(func() { // once it has ended
		if c.Process != nil {
			assertCaddyLogClean(t, c.Output.String(), c.ExpectedErrors)
		}
	})
	c.Process = StartProcess(t, local.Options{
		Name: "caddy", Env: env, Supervise: true,
		Args: []string{binary, "run", "--config", config, "--adapter", "caddyfile"},
	})
	for _, f := range endpoints {
		f.requireAnswers(t, c.Process)
	}
}

// Caddyfile returns a Caddyfile with these sites. The messages of net/http,
// which Caddy logs at the level DEBUG, are in its log.
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

// LoadCaddyfile replaces the running config by a whole Caddyfile.
func (c *RunningCaddy) LoadCaddyfile(t *testing.T, caddyfile string) {
	t.Helper()
	status, reply := c.AdminRequest(t, http.MethodPost, "/load", "text/caddyfile", caddyfile)
	require.Equal(t, http.StatusOK, status, "loading a config: %s", reply)
}

// LoadPortRange replaces the running config by one whose server on the first of
// the ports listens on all of them, which a Caddyfile cannot say.
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
	status, reply := c.AdminRequest(t, http.MethodPost, "/load", "application/json", config)
	require.Equal(t, http.StatusOK, status, reply)
}

// AdminRequest sends a request to the admin API.
func (c *RunningCaddy) AdminRequest(t *testing.T, method, path, contentType, body string) (status int, reply string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.Admin+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	resp, err := HTTPClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(read)
}

// Terminate ends Caddy with a signal and waits for its end.
func (c *RunningCaddy) Terminate(t *testing.T, signal os.Signal) {
	t.Helper()
	c.Signal(t, signal)
	c.RequireExited(t)
}
