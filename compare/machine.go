package main

import (
	"context"
	"encoding/json"
	"os"
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
	for _, program := range []string{"nginx", "apache2", "haproxy", "caddy", "traefik", "node", "chromium"} {
		if all[program], err = peers.Version(ctx, program); err != nil {
			return nil, err
		}
	}
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
