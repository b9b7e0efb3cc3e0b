package main

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/report"
)

// machine returns what this machine is, and the versions of the programs.
func machine(ctx context.Context) report.Machine {
	m := report.Machine{
		Date: time.Now().UTC().Format(time.DateOnly), Cores: runtime.NumCPU(), Go: strings.TrimPrefix(runtime.Version(), "go"),
		CPU: first(`model name\s*:\s*(.+)`, read("/proc/cpuinfo")), Kernel: first(`^Linux version (\S+)`, read("/proc/version")),
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
			m.Versions = append(m.Versions, report.Version{Program: program.name, Version: first(program.pattern, string(output))})
		}
	}
	return m
}

// read returns the text of a file, or nothing.
func read(path string) string {
	text, err := os.ReadFile(path) //nolint:gosec // of the kernel
	if err != nil {
		return ""
	}
	return string(text)
}

// first returns the first group of a pattern in a text, or nothing.
func first(pattern, text string) string {
	parts := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if parts == nil {
		return ""
	}
	return strings.TrimSpace(parts[1])
}
