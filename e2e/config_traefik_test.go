package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestTraefikReportsInvalidOptions(t *testing.T) {
	names := []string{testbed.InnerCookie}
	cases := []struct {
		name    string
		options object
		says    []string
	}{
		{"no cookie names", object{"cookieNames": []string{}}, []string{"cookieNames", "empty"}},
		{"no option at all", object{}, []string{"cookieNames", "empty"}},
		{"a bad cookie name", object{"cookieNames": []string{"server id"}}, []string{"cookieNames", `"server id"`}},
		{"an unknown sid", object{"cookieNames": names, "sid": "sticky"}, []string{"sid", `"sticky"`}},
		{"an unknown option", object{"cookieName": "server_id"}, []string{"unknown option", "cookieName"}},
		{"a list where there is none", object{"cookieNames": names, "exposeCookie": []string{"yes", "no"}}, []string{"ExposeCookie"}},
	}
	nodes := testbed.StartNodes(t, []string{"a"})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := testbed.TraefikPlugin
			h.Options, h.ExpectedErrors = tc.options, []string{tc.says[0]}
			r := h.Start(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
			r.RequireLogged(t, tc.says...)
			// Traefik runs without the router.
			testbed.RequireEventually(t, "the router is gone", func() bool {
				resp, err := r.Endpoints[0].Get("/health")
				return err == nil && resp.StatusCode == http.StatusNotFound
			})
		})
	}
}

// Without a sticky cookie the plugin has no tag. It logs one warning, and
// sessions open all the same.
func TestTraefikWarnsOnceWithoutAStickyCookie(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a"})
	h := testbed.TraefikPlugin
	h.WithoutStickyCookie, h.ExpectedErrors = true, []string{"loadBalancer.sticky.cookie.name"}
	r := h.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	for range 9 {
		e := testbed.NewEngine(t, r.Endpoints[0])
		e.Handshake(t)
		assert.NotContains(t, e.SID, ".")
		assert.Equal(t, "a", e.Connect(t))
	}
	r.RequireLogged(t, "loadBalancer.sticky.cookie.name", testbed.InnerCookie, testbed.PluginMiddleware+"@file")
	r.Kill()
	assert.Equal(t, 1, r.CountLogged("loadBalancer.sticky.cookie.name"))
}

// The examples work with a port, nodes and a plugin that are available here.
func TestTraefikRunsTheExamples(t *testing.T) {
	for _, name := range []string{"dynamic.yml", "dynamic.toml"} {
		t.Run(name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
			dynamic := readExample(t, name)
			for i, n := range nodes {
				dynamic = replaced(t, dynamic, fmt.Sprintf("http://node-%d:3000", i+1), "http://"+n.Addr)
			}
			home := testbed.TraefikHome(t)
			path := filepath.Join(home, name)
			require.NoError(t, os.WriteFile(path, []byte(dynamic), 0o600))

			f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t), TagPattern: testbed.TraefikPlugin.Tag()}
			static := readExample(t, "static.yml")
			static = replaced(t, static, ":80", strings.TrimPrefix(f.URL, "http://"))
			static = replaced(t, static, "/etc/traefik/dynamic.yml", path)
			static = replaced(t, static, "  plugins:\n", "  localPlugins:\n")
			static = regexp.MustCompile(` +version: .*\n`).ReplaceAllString(static, "")
			static += "\nglobal: {checkNewVersion: false, sendAnonymousUsage: false}\nlog: {level: DEBUG, format: json}\n"

			staticPath := filepath.Join(home, "static.yml")
			require.NoError(t, os.WriteFile(staticPath, []byte(static), 0o600))
			r := &testbed.RunningTraefik{Process: testbed.StartTraefik(t, home, staticPath)}
			r.RequireRoutes(t, f, "/socket.io/")
			testbed.Plain.Small().RunHeld(t, f, []string{"polling", "websocket"}).AssertBalanced(t, nodes)
		})
	}
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "traefik", "examples", name))
	require.NoError(t, err)
	return string(content)
}

func replaced(t *testing.T, text, from, to string) string {
	t.Helper()
	require.Contains(t, text, from)
	return strings.ReplaceAll(text, from, to)
}
