package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// startCaddyfile runs Caddy with a Caddyfile that a test writes whole, global
// options too, as startCaddy does with the sites alone. The admin endpoint is in
// the Caddyfile.
func startCaddyfile(t *testing.T, admin, caddyfile string, fronts ...front) *runningCaddy {
	t.Helper()
	c := &runningCaddy{admin: admin}
	c.start(t, caddyBinary, caddyfile, fronts...)
	return c
}

// request sends a request to the admin API and returns the status and the body
// of the reply.
func (c *runningCaddy) request(t *testing.T, method, path, contentType, body string) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+c.admin+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", contentType)
	client := http.Client{Timeout: guard}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(read)
}

// loadCaddyfile replaces the running config by a Caddyfile that a test writes
// whole.
func (c *runningCaddy) loadCaddyfile(t *testing.T, caddyfile string) {
	t.Helper()
	status, said := c.request(t, http.MethodPost, "/load", "text/caddyfile", caddyfile)
	require.Equal(t, http.StatusOK, status, "loading a config: %s", said)
}
