// Package traefikconfig writes configurations of Traefik, for the tests and the
// benchmarks.
package traefikconfig

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Object is a part of a configuration.
type Object = map[string]any

// Plugin is a plugin that Traefik loads from a directory.
type Plugin struct {
	Name   string // in middlewares
	Module string // its path, as in go.mod
	Dir    string // where it is
}

// Static returns a static configuration that reads the dynamic one from the files in
// a directory. The entry points are host:port by name.
func Static(entryPoints map[string]string, directory string, plugins ...Plugin) Object {
	points, modules := Object{}, Object{}
	for name, address := range entryPoints {
		points[name] = Object{"address": address}
	}
	for _, p := range plugins {
		modules[p.Name] = Object{"moduleName": p.Module}
	}
	static := Object{
		"global":      Object{"checkNewVersion": false, "sendAnonymousUsage": false},
		"entryPoints": points,
		"providers": Object{
			"providersThrottleDuration": "0s",
			"file":                      Object{"directory": directory},
		},
	}
	if len(modules) > 0 {
		static["experimental"] = Object{"abortOnPluginFailure": true, "localPlugins": modules}
	}
	return static
}

// Servers returns the servers of a load balancer, whose addresses are host:port.
func Servers(addresses []string) []Object {
	servers := make([]Object, len(addresses))
	for i, address := range addresses {
		servers[i] = Object{"url": "http://" + address}
	}
	return servers
}

// Install makes the plugin available to a Traefik with the working directory home.
func (p Plugin) Install(home string) error {
	link := filepath.Join(home, "plugins-local", "src", filepath.FromSlash(p.Module))
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return fmt.Errorf("installing the plugin %s: %w", p.Name, err)
	}
	if err := os.Symlink(p.Dir, link); err != nil {
		return fmt.Errorf("installing the plugin %s: %w", p.Name, err)
	}
	return nil
}

// Write writes a configuration as JSON, which is YAML. It replaces a file at once, so
// that Traefik never reads half of it.
func Write(path string, o Object) error {
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
