package e2e

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

// traefikBinary is the path of what make traefik builds, as seen from here.
var traefikBinary = filepath.Join("..", "bin", "traefik")

// The middlewares that a chain may have.
const (
	plugin     = "io"         // ours
	compress   = "compress"   //
	retry      = "retry"      //
	generation = "generation" // a reply header that tells one config from the next
)

// The names of the sticky cookies. A plain service has the inner one only.
const (
	outerCookie = "group_id"
	innerCookie = "server_id"
)

// traefik is the host Traefik. The zero value is what it has without the
// plugin: a service with a sticky cookie.
type traefik struct {
	chain       []string // of middlewares, the outermost first
	options     object   // of the plugin. Default: the cookieNames
	strategy    string   // of the load balancer. Default: wrr
	nested      bool     // a weighted service of two services, all of them sticky
	forgetful   bool     // no sticky cookie
	crossSite   bool     // a sticky cookie that browsers send from pages of other sites too
	http3       bool     // offered beside HTTPS
	healthCheck bool
	accessLog   string // its path
	profile     string // the address at which it tells of itself, host:port

	// checkInterval is that of the health check. Default: 100ms
	checkInterval string
	generation    int

	// change changes the dynamic configuration, from its key http on.
	change func(http object)

	expects []string // parts of the error lines that its log may have
}

var (
	traefikPlugin = traefik{chain: []string{plugin}}
	// traefikCookie is what Traefik has without the plugin.
	traefikCookie = traefik{}
)

// traefikWith is the plugin with these options beside the name of the cookie.
func traefikWith(options object) traefik {
	h := traefikPlugin
	h.options = object{"cookieNames": []string{innerCookie}}
	maps.Copy(h.options, options)
	return h
}

func (h traefik) serve(t *testing.T, sites ...site) []front {
	t.Helper()
	return h.serveRunning(t, sites...).fronts
}

func (h traefik) serveRunning(t *testing.T, sites ...site) *runningTraefik {
	t.Helper()
	r := h.start(t, sites...)
	for _, f := range r.fronts {
		r.requireRoutes(t, f, "/health")
	}
	return r
}

// runningTraefik is a Traefik whose configuration can be replaced.
type runningTraefik struct {
	*process
	fronts  []front
	sites   []site
	dynamic string // the file that it watches
}

// start runs Traefik until the test ends.
func (h traefik) start(t *testing.T, sites ...site) *runningTraefik {
	t.Helper()
	home := traefikHome(t)
	r := &runningTraefik{sites: sites, dynamic: filepath.Join(home, "dynamic", "affinity.yml")}
	require.NoError(t, os.Mkdir(filepath.Dir(r.dynamic), 0o700))
	for _, s := range sites {
		scheme := "http://"
		if s.secure {
			scheme = "https://"
		}
		r.fronts = append(r.fronts, front{
			url:    scheme + freeAddress(t),
			tag:    h.tag(),
			greets: !slices.Contains(h.chain, plugin),
			gives:  h.options["exposeCookie"] == true,
			uneven: h.strategy != "", // the others go by chance, or by time
		})
	}
	r.load(t, h)
	r.process = startTraefik(t, home, asYAML(t, h.static(r.fronts, home)), h.expects...)
	for i := range r.fronts {
		r.fronts[i].proxy, r.fronts[i].profile = r.process, h.profile
	}
	return r
}

// traefikHome returns a directory of the test's from where Traefik finds the
// plugin.
func traefikHome(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	home := t.TempDir()
	module := filepath.Join(home, "plugins-local", "src", "github.com", "eio-affinity", "affinity")
	require.NoError(t, os.MkdirAll(filepath.Dir(module), 0o700))
	require.NoError(t, os.Symlink(root, module))
	return home
}

// startTraefik runs Traefik with a static configuration until the test ends,
// and then checks what its log has said.
func startTraefik(t *testing.T, home, static string, expects ...string) *process {
	t.Helper()
	_, err := os.Stat(traefikBinary)
	require.NoError(t, err, "there is no bin/traefik: run make traefik")
	binary, err := filepath.Abs(traefikBinary)
	require.NoError(t, err)
	config := filepath.Join(home, "traefik.yml")
	require.NoError(t, os.WriteFile(config, []byte(static), 0o600))

	var p *process
	t.Cleanup(func() { // once it has ended
		if p != nil {
			assertQuiet(t, &p.log, expects)
		}
	})
	p = startTethered(t, "traefik", nil, "sh", "-c", `cd "$0" && exec "$@"`, home, binary, "--configFile="+config)
	return p
}

// requireRoutes waits until Traefik has a router for a path. Before that, it
// answers 404.
func (r *runningTraefik) requireRoutes(t *testing.T, f front, path string) {
	t.Helper()
	requireSoon(t, fmt.Sprintf("%s routes %s%s", r.name, f.url, path), func() bool {
		r.requireRuns(t)
		resp, err := f.get(path)
		return err == nil && resp.StatusCode != http.StatusNotFound
	})
}

// load gives Traefik a configuration, in the place of the one it has.
func (r *runningTraefik) load(t *testing.T, h traefik) {
	t.Helper()
	// Under another name first: half a file is no configuration.
	written := r.dynamic + ".new"
	require.NoError(t, os.WriteFile(written, []byte(asYAML(t, h.dynamic(r.fronts, r.sites))), 0o600))
	require.NoError(t, os.Rename(written, r.dynamic))
}
