package e2e

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// adminRoutes has the routes of this module, and a body for each.
var adminRoutes = []struct{ method, path, body string }{
	{http.MethodGet, adminapi.UpstreamsPath, ""},
	{http.MethodPost, adminapi.DrainPath, `{"upstream":"127.0.0.1:1"}`},
	{http.MethodPost, adminapi.UndrainPath, `{"upstream":"127.0.0.1:1"}`},
	{http.MethodPost, adminapi.ExplainPath, `{"session":"abc"}`},
}

// sendAdmin sends a request to an admin API, and returns the status of its reply.
func sendAdmin(t *testing.T, client *http.Client, url, method, body, origin string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

func TestAdminRoutesObeyTheOriginsOfCaddy(t *testing.T) {
	t.Parallel()
	admin := testbed.FreeAddress(t)
	running := testbed.StartCaddyfile(t, admin, "{\nadmin "+admin+" {\norigins "+admin+"\nenforce_origin\n}\ndefault_bind 127.0.0.1\n}\n"+
		"http://127.0.0.1:"+testbed.FreePorts(t, 1)[0].Port()+" {\nsocketio 127.0.0.1:1\n}\n")
	running.ExpectedErrors = []string{"request error"}
	testbed.RequireEventually(t, "the admin API answers", func() bool {
		_, err := testbed.HTTPClient.Get("http://" + admin + "/config/")
		return err == nil
	})
	for _, route := range adminRoutes {
		url := "http://" + admin + route.path
		assert.Equal(t, http.StatusForbidden, sendAdmin(t, testbed.HTTPClient, url, route.method, route.body, "http://evil.example"), route.path)
		assert.Equal(t, http.StatusForbidden, sendAdmin(t, testbed.HTTPClient, url, route.method, route.body, ""), route.path)
		assert.Equal(t, http.StatusOK, sendAdmin(t, testbed.HTTPClient, url, route.method, route.body, "http://"+admin), route.path)
	}
	output, status := running.RunAffinity(t)
	assert.Zero(t, status)
	assert.Contains(t, output, "127.0.0.1:1")
}

// A client of the remote admin API that may only look cannot drain.
func TestAdminRoutesObeyThePermissionsOfTheRemoteAdminAPI(t *testing.T) {
	t.Parallel()
	certificate, key := testbed.WriteCertificate(t)
	pair, err := tls.LoadX509KeyPair(certificate, key)
	require.NoError(t, err)
	remote := testbed.FreeAddress(t)
	c := testbed.Caddy{ExpectedErrors: []string{"request error"}}
	endpoint := testbed.FreePorts(t, 1)[0]
	running := c.Start(t, endpoint.URL+" {\nrespond ok\n}\n", endpoint)
	status, reply := running.AdminRequest(t, http.MethodPost, "/load", "application/json", fmt.Sprintf(`{
		"admin": {
			"listen": %q,
			"identity": {"identifiers": ["127.0.0.1"], "issuers": [{"module": "internal"}]},
			"remote": {"listen": %q, "access_control": [{"public_keys": [%q], "permissions": [{"paths": [%q], "methods": ["GET"]}]}]}
		},
		"apps": {
			"pki": {"certificate_authorities": {"local": {"install_trust": false}}},
			"http": {"servers": {"a": {"listen": [%q], "routes": [{"handle": [
				{"handler": "affinity"},
				{"handler": "reverse_proxy", "upstreams": [{"dial": "127.0.0.1:1"}], "load_balancing": {"selection_policy": {"policy": "affinity"}}}
			]}]}}}
		}
	}`, running.Admin, remote, base64.StdEncoding.EncodeToString(pair.Certificate[0]), adminapi.UpstreamsPath, endpoint.Address()))
	require.Equal(t, http.StatusOK, status, reply)

	client := &http.Client{Timeout: testbed.Timeout, Transport: &http.Transport{TLSClientConfig: &tls.Config{
		Certificates: []tls.Certificate{pair}, InsecureSkipVerify: true, ServerName: "127.0.0.1", //nolint:gosec // the certificate is the proxy's own
	}}}
	t.Cleanup(client.CloseIdleConnections)
	testbed.RequireEventually(t, "the remote admin API answers", func() bool {
		resp, err := client.Get("https://" + remote + adminapi.UpstreamsPath)
		return err == nil && resp.Body.Close() == nil
	})
	for _, route := range adminRoutes {
		want := http.StatusForbidden
		if route.path == adminapi.UpstreamsPath {
			want = http.StatusOK
		}
		assert.Equal(t, want, sendAdmin(t, client, "https://"+remote+route.path, route.method, route.body, ""), route.path)
	}
}
