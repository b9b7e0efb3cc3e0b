package peers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/eio-affinity/affinity/internal/testbed/local"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// traefik is a Traefik with this module's plugin or without it.
type traefik struct{ plugin bool }

func (t traefik) configure(r *Running) ([]string, error) {
	program, err := built("traefik")
	if err != nil {
		return nil, err
	}
	if r.generation == 0 {
		if err := t.install(r); err != nil {
			return nil, err
		}
	}
	// Renamed, so that Traefik never reads half of it.
	written, err := r.render("dynamic.new")
	if err != nil {
		return nil, err
	}
	return []string{program, "--configFile=static.yml"}, os.Rename(written, filepath.Join(r.dir, "dynamic", "dynamic.yml"))
}

// install writes what stays the same.
func (t traefik) install(r *Running) error {
	dynamic := filepath.Join(r.dir, "dynamic")
	if err := os.Mkdir(dynamic, 0o700); err != nil {
		return err
	}
	var plugins []traefikconfig.Plugin
	if t.plugin {
		root, err := local.Root()
		if err != nil {
			return err
		}
		plugin := traefikconfig.Plugin{Name: "affinity", Module: "github.com/eio-affinity/affinity", Dir: root}
		if err := plugin.Install(r.dir); err != nil {
			return err
		}
		plugins = append(plugins, plugin)
	}
	static := traefikconfig.Static(map[string]string{"web": r.address}, dynamic, plugins...)
	static["serversTransport"] = traefikconfig.Object{"forwardingTimeouts": traefikconfig.Object{"idleConnTimeout": "2s"}}
	return traefikconfig.Write(filepath.Join(r.dir, "static.yml"), static)
}

func (traefik) ready(_ *Running, status int) bool { return status == http.StatusOK }

// reload waits until the router of the new generation answers, with the 418 of
// Traefik's own service.
func (traefik) reload(ctx context.Context, r *Running) error {
	path := fmt.Sprintf("/.generation-%d", r.generation)
	return r.WaitUntil(ctx, Limit, "it routes "+path, func() bool { return r.status(ctx, path) == http.StatusTeapot })
}
