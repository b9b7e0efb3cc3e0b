package testbed

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// Process is a program that ends with its test at the latest. If the test fails,
// its output is part of the report.
type Process struct {
	*local.Process
	Lines chan string // of its standard output
}

// start starts a program that exits when its standard input closes.
func start(t *testing.T, name string, env []string, args ...string) *Process {
	t.Helper()
	return StartProcess(t, local.Options{Name: name, Env: env, Args: args})
}

// StartProcess starts a program until the test ends.
func StartProcess(t *testing.T, options local.Options) *Process {
	t.Helper()
	p := &Process{Lines: make(chan string, 1000)}
	options.OnLine = p.keepLine
	var err error
	p.Process, err = local.Start(options)
	require.NoError(t, err)
	endWithTest(t, p.Process)
	return p
}

// keepLine keeps a line for [Process.Line].
func (p *Process) keepLine(line string) {
	select {
	case p.Lines <- line:
	default: // the test does not read them
	}
}

// endWithTest ends a program when the test ends.
func endWithTest(t *testing.T, p *local.Process) {
	t.Helper()
	t.Cleanup(func() {
		p.Kill()
		logIfFailed(t, p)
	})
}

// logIfFailed logs the output of the program if the test has failed.
func logIfFailed(t *testing.T, p *local.Process) {
	t.Helper()
	if t.Failed() {
		t.Logf("output of %s:\n%s", p.Name, p.Output.Tail())
	}
}

// Line waits for the next line of standard output.
func (p *Process) Line(t *testing.T) string {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	select {
	case line := <-p.Lines:
		return line
	case <-timeout.C:
		require.FailNow(t, "no line from "+p.Name, "in %s", Timeout)
	case <-p.Exited():
		// All of its output is read before it counts as ended.
		select {
		case line := <-p.Lines:
			return line
		default:
			require.FailNow(t, p.Name+" ended before its line", p.Output.Tail())
		}
	}
	return ""
}

// RequireRunning ends the test if the program has ended.
func (p *Process) RequireRunning(t *testing.T) {
	t.Helper()
	if !p.Running() {
		require.FailNow(t, p.Name+" has ended", p.Output.Tail())
	}
}

// RequireExited waits until the program has ended.
func (p *Process) RequireExited(t *testing.T) {
	t.Helper()
	RequireEventually(t, p.Name+" has ended", func() bool { return !p.Running() })
}

// Signal sends a signal to the program.
func (p *Process) Signal(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.Process.Signal(signal))
}

// CPUTime returns how long the program has been on a CPU.
func (p *Process) CPUTime(t *testing.T) time.Duration {
	t.Helper()
	used, err := local.CPUTime(p.PID())
	require.NoError(t, err, p.Name)
	return used
}

// EndByStdin closes standard input when the test ends, and waits until the program
// has ended by itself, for programs that have to clean up.
func (p *Process) EndByStdin(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		_ = p.Stdin.Close()
		select {
		case <-p.Exited():
		case <-time.After(Timeout):
			t.Errorf("%s has not ended in %s", p.Name, Timeout)
		}
	})
}
