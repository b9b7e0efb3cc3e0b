package main

import (
	"context"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/report"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// machine returns what this machine is, and the versions of the programs.
func machine(ctx context.Context) report.Machine {
	this := local.ThisMachine()
	m := report.Machine{
		Date: time.Now().UTC().Format(time.DateOnly), Go: strings.TrimPrefix(runtime.Version(), "go"),
		CPU: this.CPU, Cores: this.Cores, Kernel: this.Kernel,
	}
	for _, program := range []struct {
		name, pattern string
		args          []string
	}{
		{"Caddy", `^v?(\S+)`, []string{"bin/caddy", "version"}},
		{"Traefik", `Version:\s+(\S+)`, []string{"bin/traefik", "version"}},
	} {
		output, err := exec.CommandContext(ctx, program.args[0], program.args[1:]...).CombinedOutput() //nolint:gosec // of the list above
		if err == nil {
			m.Versions = append(m.Versions, report.Version{Program: program.name, Version: local.FirstGroup(string(output), program.pattern)})
		}
	}
	return m
}
