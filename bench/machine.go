package main

import (
	"context"
	"runtime"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/report"
	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// machine returns what this machine is, and the versions of the programs.
func machine(ctx context.Context) report.Machine {
	this := local.ThisMachine()
	m := report.Machine{
		Date: time.Now().UTC().Format(time.DateOnly), Go: strings.TrimPrefix(runtime.Version(), "go"),
		CPU: this.CPU, Cores: this.Cores, Kernel: this.Kernel,
	}
	for _, program := range []struct{ name, command string }{
		{"Caddy", "caddy"}, {"Traefik", "traefik"}, {"nginx", "nginx"}, {"HAProxy", "haproxy"}, {"Apache", "apache2"},
	} {
		if version, err := peers.Version(ctx, program.command); err == nil {
			m.Versions = append(m.Versions, report.Version{Program: program.name, Version: version})
		}
	}
	return m
}
