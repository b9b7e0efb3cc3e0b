package testbed

import (
	"os/exec"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// StartAffinity starts "caddy affinity" with arguments, for this Caddy.
func (c *RunningCaddy) StartAffinity(t *testing.T, args ...string) *Process {
	t.Helper()
	return startAffinity(t, append(slices.Clone(args), "--address", c.Admin)...)
}

// RunAffinity runs "caddy affinity" with arguments, for this Caddy, and returns what
// it has printed and its exit status.
func (c *RunningCaddy) RunAffinity(t *testing.T, args ...string) (output string, status int) {
	t.Helper()
	return c.StartAffinity(t, args...).waitForStatus(t)
}

// RunAffinity is [RunningCaddy.RunAffinity] without a Caddy.
func RunAffinity(t *testing.T, args ...string) (output string, status int) {
	t.Helper()
	return startAffinity(t, args...).waitForStatus(t)
}

// startAffinity starts "caddy affinity" with arguments.
func startAffinity(t *testing.T, args ...string) *Process {
	t.Helper()
	return StartProcess(t, local.Options{
		Name: "caddy affinity", Supervise: true,
		Args: append([]string{Binary("caddy"), "affinity"}, args...),
	})
}

// waitForStatus waits until the program has ended, and returns what it has printed
// and its exit status.
func (p *Process) waitForStatus(t *testing.T) (output string, status int) {
	t.Helper()
	p.RequireExited(t)
	err := p.Wait()
	if err == nil {
		return p.Output.String(), 0
	}
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, p.Name)
	return p.Output.String(), exit.ExitCode()
}

// ExitStatus waits until the program has ended, and returns its exit status.
func (p *Process) ExitStatus(t *testing.T) int {
	t.Helper()
	_, status := p.waitForStatus(t)
	return status
}
