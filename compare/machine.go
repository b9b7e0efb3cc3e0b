package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// versions returns the versions of all programs and packages that take part.
func versions(ctx context.Context) (map[string]string, error) {
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, p := range []struct {
		name, program, pattern string
		args                   []string
	}{
		{"nginx", "nginx", `nginx/(\S+)`, []string{"-v"}},
		{"apache2", "apache2", `Apache/(\S+)`, []string{"-v"}},
		{"haproxy", "haproxy", `version (\d+\.\d+\.\d+)`, []string{"-v"}},
		{"traefik", filepath.Join(root, "bin", "traefik"), `Version:\s+(\S+)`, []string{"version"}},
		{"node", "node", `v(\S+)`, []string{"--version"}},
		{"chromium", local.Chromium(), `(\d+(?:\.\d+)+)`, []string{"--version"}},
	} {
		path, err := peers.Find(p.program)
		if err != nil {
			return nil, err
		}
		output, err := exec.CommandContext(ctx, path, p.args...).CombinedOutput() //nolint:gosec // of the list above
		if err != nil {
			return nil, fmt.Errorf("asking %s for its version: %w", p.name, err)
		}
		all[p.name] = local.FirstGroup(string(output), p.pattern)
	}
	all["caddy"] = local.InFile(filepath.Join(root, "go.mod"), `github.com/caddyserver/caddy/v2 v(\S+)`)
	return all, npmVersions(root, all)
}

// npmVersions adds the versions of the packages from npm, as they are pinned.
func npmVersions(root string, all map[string]string) error {
	text, err := os.ReadFile(filepath.Join(root, "testdata", "socketio", "package.json")) //nolint:gosec // of this project
	if err != nil {
		return err
	}
	var pinned struct{ Dependencies map[string]string }
	if err := json.Unmarshal(text, &pinned); err != nil {
		return err
	}
	for _, name := range packages {
		version := pinned.Dependencies[name]
		all[name] = version[strings.LastIndexByte(version, '@')+1:] // "npm:socket.io@2.5.1"
	}
	return nil
}

// packages are those from npm that take part.
var packages = []string{
	"socket.io", "socket.io-2", "socket.io-client", "socket.io-client-2",
	"@socket.io/sticky", "@socket.io/cluster-adapter", "sticky-session", "socketio-sticky-session",
}
