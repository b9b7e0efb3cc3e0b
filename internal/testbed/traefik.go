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

	"github.com/eio-affinity/affinity/internal/testbed/local"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// Traefik is the proxy Traefik. The zero value has no plugin: a service with a
// sticky cookie.
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
	DebugAddress        string // of a pprof endpoint, host:port

	// HealthCheckInterval is the interval of the health check. Default: 100ms
	HealthCheckInterval string
	Generation          int

	// Change edits the dynamic configuration, from its key http on.
	Change func(http Object)

	ExpectedErrors []string // parts of the error lines that its log may have
}

// The middlewares that a chain may have.
const (
	PluginMiddleware     = "io"         // of this module
	CompressMiddleware   = "compress"   //
	RetryMiddleware      = "retry"      //
	GenerationMiddleware = "generation" // a reply header with the generation of the config
)

// The names of the sticky cookies. A plain service has the inner one only.
const (
	outerCookie = "group_id"
	InnerCookie = "server_id"
)

// TraefikPlugin is Traefik with the plugin.
var TraefikPlugin = Traefik{Chain: []string{PluginMiddleware}}

// TraefikWith is the plugin with these options beside the name of the cookie.
func TraefikWith(options Object) Traefik {
	h := TraefikPlugin
	h.Options = Object{"cookieNames": []string{InnerCookie}}
	maps.Copy(h.Options, options)
	return h
}

// TraefikWithDebugAddress is the plugin with these options in a Traefik with a
// pprof endpoint, which Caddy has anyway.
func TraefikWithDebugAddress(t *testing.T, options Object) Traefik {
	t.Helper()
	h := TraefikWith(options)
	h.DebugAddress = FreeAddress(t)
	return h
}

// Serve implements [Proxy].
func (h Traefik) Serve(t *testing.T, sites ...Site) []Endpoint {
	t.Helper()
	return h.StartServing(t, sites...).Endpoints
}

// StartServing runs Traefik until the test ends, and returns once it routes
// requests of all sites.
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
	static := filepath.Join(home, "traefik.yml")
	require.NoError(t, traefikconfig.Write(static, h.static(r.Endpoints, home)))
	r.Process = StartTraefik(t, home, static, h.ExpectedErrors...)
	for i := range r.Endpoints {
		r.Endpoints[i].Program, r.Endpoints[i].DebugAddress = r.Process, h.DebugAddress
	}
	return r
}

// TraefikHome returns a directory in which Traefik finds the plugin.
func TraefikHome(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	require.NoError(t, AffinityPlugin().Install(home))
	return home
}

// StartTraefik runs Traefik in the directory home with the static configuration of a
// file until the test ends, and then checks its log.
func StartTraefik(t *testing.T, home, static string, expects ...string) *Process {
	t.Helper()
	_, err := os.Stat(Binary("traefik"))
	require.NoError(t, err, "there is no bin/traefik: run make traefik")
	var p *Process
	t.Cleanup(func() { // once it has ended
		if p != nil {
			assertTraefikLogClean(t, p.Output.String(), expects)
		}
	})
	p = StartProcess(t, local.Options{
		Name: "traefik", Dir: home, Supervise: true,
		Args: []string{Binary("traefik"), "--configFile=" + static},
	})
	return p
}

// RequireRoutes waits until Traefik has a router for a path. Without one it
// answers 404.
func (r *RunningTraefik) RequireRoutes(t *testing.T, f Endpoint, path string) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("%s routes %s%s", r.Name, f.URL, path), func() bool {
		r.RequireRunning(t)
		resp, err := f.Get(path)
		return err == nil && resp.StatusCode != http.StatusNotFound
	})
}

// Load replaces the dynamic configuration.
func (r *RunningTraefik) Load(t *testing.T, h Traefik) {
	t.Helper()
	require.NoError(t, traefikconfig.Write(r.dynamic, h.dynamic(r.Endpoints, r.sites)))
}
