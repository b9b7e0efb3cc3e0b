package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/eio-affinity/affinity/internal/testbed/local"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

const stickyCookie = "server_id"

// traefik is a running Traefik.
type traefik struct {
	*local.Process
	folder  string
	address string
}

func startTraefik(c configuration, program string, nodes []*node) (*traefik, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "traefikcost-")
	if err != nil {
		return nil, err
	}
	t := &traefik{folder: folder}
	if err := t.start(c, program, nodes); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

func (t *traefik) start(c configuration, program string, nodes []*node) error {
	var err error
	if t.address, err = local.FreeAddress(); err != nil {
		return err
	}
	if err := t.configure(c, nodes); err != nil {
		return err
	}
	// Supervised, so that Traefik does not outlive this program if that is killed.
	t.Process, err = local.Start(local.Options{
		Name: "Traefik", Dir: t.folder, Supervise: true,
		Args: []string{program, "--configFile=static.yml"},
	})
	return err
}

// configure writes Traefik's configuration, and installs the plugin.
func (t *traefik) configure(c configuration, nodes []*node) error {
	addresses := make([]string, len(nodes))
	for i, n := range nodes {
		addresses[i] = n.Listener.Addr().String()
	}
	router := object{"rule": "PathPrefix(`/`)", "service": "nodes"}
	http := object{
		"routers": object{"all": router},
		"services": object{"nodes": object{"loadBalancer": object{
			"servers": traefikconfig.Servers(addresses),
			"sticky":  object{"cookie": object{"name": stickyCookie}},
		}}},
	}
	var plugins []traefikconfig.Plugin
	if c.plugin != "" {
		source, err := filepath.Abs(c.plugin)
		if err != nil {
			return err
		}
		plugin := traefikconfig.Plugin{Name: "measured", Module: c.module, Dir: source}
		if err := plugin.Install(t.folder); err != nil {
			return err
		}
		plugins = append(plugins, plugin)
		router["middlewares"] = []string{"plugin"}
		http["middlewares"] = object{"plugin": object{"plugin": object{plugin.Name: json.RawMessage(c.options)}}}
	}
	static := traefikconfig.Static(map[string]string{"web": t.address}, filepath.Join(t.folder, "dynamic"), plugins...)
	return errors.Join(
		traefikconfig.Write(filepath.Join(t.folder, "static.yml"), static),
		traefikconfig.Write(filepath.Join(t.folder, "dynamic", "dynamic.yml"), object{"http": http}),
	)
}

// object is a part of a configuration.
type object = traefikconfig.Object

// stop ends Traefik and removes what it wrote.
func (t *traefik) stop() {
	if t.Process != nil {
		t.Kill()
	}
	_ = os.RemoveAll(t.folder)
}

// withLog adds Traefik's log to an error.
func (t *traefik) withLog(err error) error {
	return fmt.Errorf("%w\nTraefik's log:\n%s", err, strings.TrimSpace(t.Output.String()))
}
