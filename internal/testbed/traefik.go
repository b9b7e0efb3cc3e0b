package testbed

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Traefik is the host Traefik. The zero value is what it has without the
// plugin: a service with a sticky cookie.
type Traefik struct {
	Chain               []string // of middlewares, the outermost first
	Options             Object   // of the plugin. Default: the cookieNames
	Strategy            string   // of the load balancer. Default: wrr
	Nested              bool     // a weighted service of two services, all of them sticky
	WithoutStickyCookie bool     // no sticky cookie
	CrossSiteCookie     bool     // a sticky cookie that browsers send from pages of other sites too
	HTTP3               bool     // offered beside HTTPS
	HealthCheck         bool
	AccessLog           string // its path
	DebugAddress        string // the address at which it tells of itself, host:port

	// HealthCheckInterval is that of the health check. Default: 100ms
	HealthCheckInterval string
	Generation          int

	// change changes the dynamic configuration, from its key http on.
	Change func(http Object)

	ExpectedErrors []string // parts of the error lines that its log may have
}

// The middlewares that a chain may have.
const (
	PluginMiddleware     = "io"         // ours
	CompressMiddleware   = "compress"   //
	RetryMiddleware      = "retry"      //
	GenerationMiddleware = "generation" // a reply header that tells one config from the next
)

// The names of the sticky cookies. A plain service has the inner one only.
const (
	outerCookie = "group_id"
	InnerCookie = "server_id"
)

// TraefikPlugin is the plugin alone.
var TraefikPlugin = Traefik{Chain: []string{PluginMiddleware}}

// TraefikWith is the plugin with these options beside the name of the cookie.
func TraefikWith(options Object) Traefik {
	h := TraefikPlugin
	h.Options = Object{"cookieNames": []string{InnerCookie}}
	maps.Copy(h.Options, options)
	return h
}

// TraefikWithDebugAddress is the plugin with these options in a Traefik that tells of
// itself, as Caddy does anyway.
func TraefikWithDebugAddress(t *testing.T, options Object) Traefik {
	t.Helper()
	h := TraefikWith(options)
	h.DebugAddress = FreeAddress(t)
	return h
}

func (h Traefik) Serve(t *testing.T, sites ...Site) []Endpoint {
	t.Helper()
	return h.StartServing(t, sites...).Endpoints
}

func (h Traefik) StartServing(t *testing.T, sites ...Site) *RunningTraefik {
	t.Helper()
	r := h.Start(t, sites...)
	for _, f := range r.Endpoints {
		r.RequireRoutes(t, f, "/health")
	}
	return r
}

// RunningTraefik is a Traefik whose configuration can be replaced.
type RunningTraefik struct {
	*Process
	Endpoints []Endpoint
	sites     []Site
	dynamic   string // the file that it watches
}

// Start runs Traefik until the test ends.
func (h Traefik) Start(t *testing.T, sites ...Site) *RunningTraefik {
	t.Helper()
	home := TraefikHome(t)
	r := &RunningTraefik{sites: sites, dynamic: filepath.Join(home, "dynamic", "affinity.yml")}
	require.NoError(t, os.Mkdir(filepath.Dir(r.dynamic), 0o700))
	for _, s := range sites {
		scheme := "http://"
		if s.HTTPS {
			scheme = "https://"
		}
		r.Endpoints = append(r.Endpoints, Endpoint{
			URL:                   scheme + FreeAddress(t),
			TagPattern:            h.Tag(),
			SetsCookieOnWebSocket: !slices.Contains(h.Chain, PluginMiddleware),
			SetsCookie:            h.Options["exposeCookie"] == true,
			Unbalanced:            h.Strategy != "", // the others go by chance, or by time
		})
	}
	r.Load(t, h)
	r.Process = StartTraefik(t, home, AsYAML(t, h.static(r.Endpoints, home)), h.ExpectedErrors...)
	for i := range r.Endpoints {
		r.Endpoints[i].Program, r.Endpoints[i].DebugAddress = r.Process, h.DebugAddress
	}
	return r
}

// TraefikHome returns a directory of the test's from where Traefik finds the
// plugin.
func TraefikHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	module := filepath.Join(home, "plugins-local", "src", "github.com", "eio-affinity", "affinity")
	require.NoError(t, os.MkdirAll(filepath.Dir(module), 0o700))
	require.NoError(t, os.Symlink(Path(), module))
	return home
}

// StartTraefik runs Traefik with a static configuration until the test ends,
// and then checks what its log has said.
func StartTraefik(t *testing.T, home, static string, expects ...string) *Process {
	t.Helper()
	_, err := os.Stat(Binary("traefik"))
	require.NoError(t, err, "there is no bin/traefik: run make traefik")
	config := filepath.Join(home, "traefik.yml")
	require.NoError(t, os.WriteFile(config, []byte(static), 0o600))

	var p *Process
	t.Cleanup(func() { // once it has ended
		if p != nil {
			assertTraefikLogClean(t, &p.Log, expects)
		}
	})
	p = StartSupervised(t, "traefik", nil, "sh", "-c", `cd "$0" && exec "$@"`, home, Binary("traefik"), "--configFile="+config)
	return p
}

// RequireRoutes waits until Traefik has a router for a path. Before that, it
// answers 404.
func (r *RunningTraefik) RequireRoutes(t *testing.T, f Endpoint, path string) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("%s routes %s%s", r.Name, f.URL, path), func() bool {
		r.RequireRunning(t)
		resp, err := f.Get(path)
		return err == nil && resp.StatusCode != http.StatusNotFound
	})
}

// Load gives Traefik a configuration, in the place of the one it has.
func (r *RunningTraefik) Load(t *testing.T, h Traefik) {
	t.Helper()
	// Under another name first: half a file is no configuration.
	written := r.dynamic + ".new"
	require.NoError(t, os.WriteFile(written, []byte(AsYAML(t, h.dynamic(r.Endpoints, r.sites))), 0o600))
	require.NoError(t, os.Rename(written, r.dynamic))
}
