package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// runningDemo is the real demo, in a temporary directory of its own. All of its
// processes carry a mark in their environment, by which strays are found.
type runningDemo struct {
	program
	temp string
	mark string
}

// buildDemo builds bin/demo, once for all tests.
var buildDemo = sync.OnceValues(func() ([]byte, error) {
	return exec.Command("go", "build", "-o", testbed.Binary("demo"), ".").CombinedOutput()
})

// startDemo builds and starts the demo with these arguments.
func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	output, err := buildDemo()
	require.NoError(t, err, "building bin/demo: %s", output)
	d := &runningDemo{temp: t.TempDir()}
	d.mark = "AFFINITY_DEMO_TEST=" + d.temp
	d.program = startProgram(t, local.Options{
		Name: "demo",
		Args: append([]string{testbed.Binary("demo")}, args...),
		Env:  []string{"TMPDIR=" + d.temp, d.mark},
	})
	t.Cleanup(func() {
		if t.Failed() && d.Running() {
			// So that it ends what it has started.
			d.Signal(t, os.Interrupt)
			d.RequireExited(t)
		}
	})
	return d
}

// waitForPage returns the URL that the demo prints.
func (d *runningDemo) waitForPage(t *testing.T) string {
	t.Helper()
	line := d.waitFor(t, "Open ")
	d.waitFor(t, "Ctrl-C stops everything")
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "Open "))
}

// interrupt presses Ctrl-C and checks that nothing is left.
func (d *runningDemo) interrupt(t *testing.T) {
	t.Helper()
	d.Signal(t, os.Interrupt)
	d.RequireExited(t)
	require.NoError(t, d.Wait(), d.Output.Tail())
	d.checkNothingLeft(t)
}

func (d *runningDemo) checkNothingLeft(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(d.temp)
	require.NoError(t, err)
	for _, file := range files {
		t.Errorf("%s is left in the temporary directory", file.Name())
	}
	for _, stray := range d.processes(t) {
		t.Errorf("%s is left running", stray)
	}
}

// processes are the live processes that carry the demo's mark. Where there is
// no /proc it finds none, and only the ports are checked.
func (d *runningDemo) processes(t *testing.T) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	require.NoError(t, err)
	var found []string
	for _, path := range environs {
		environ, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(environ, []byte(d.mark+"\x00")) {
			continue // It has ended meanwhile, or is another's.
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		found = append(found, fmt.Sprintf("%s %q", filepath.Base(filepath.Dir(path)), command))
	}
	return found
}
