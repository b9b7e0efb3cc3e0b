package peers

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// versionCommands has how each program says its version.
var versionCommands = map[string]struct {
	argument, pattern string
}{
	"caddy":    {"version", `^v?(\S+)`},
	"traefik":  {"version", `Version:\s+(\S+)`},
	"nginx":    {"-v", `nginx/(\S+)`},
	"apache2":  {"-v", `Apache/(\S+)`},
	"haproxy":  {"-v", `version (\d+\.\d+\.\d+)`},
	"node":     {"--version", `v(\S+)`},
	"chromium": {"--version", `(\d+(?:\.\d+)+)`},
}

// Version returns the version of a program: Caddy and Traefik as make builds them,
// the others as they are installed.
func Version(ctx context.Context, program string) (string, error) {
	find := Find
	switch program {
	case "caddy", "traefik":
		find = built
	case "chromium":
		find = func(string) (string, error) { return Find(local.Chromium()) }
	}
	path, err := find(program)
	if err != nil {
		return "", err
	}
	command := versionCommands[program]
	output, err := exec.CommandContext(ctx, path, command.argument).CombinedOutput() //nolint:gosec // of the list above
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", program, err)
	}
	return local.FirstGroup(string(output), command.pattern), nil
}
