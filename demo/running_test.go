package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runningDemo is the real demo, in a temporary directory of its own. All of its
// processes carry a mark in their environment, by which strays are found.
type runningDemo struct {
	*program
	temp string
	mark string
}

func startDemo(t *testing.T, path string, args ...string) *runningDemo {
	t.Helper()
	d := &runningDemo{temp: t.TempDir()}
	d.mark = "AFFINITY_DEMO_TEST=" + d.temp
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+d.temp, d.mark)
	d.program = startProgram(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			// Fails when it has ended already, which is as good.
			_ = d.cmd.Process.Signal(os.Interrupt)
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
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := d.wait(); err != nil {
		t.Errorf("the demo ended with %v, want exit status 0\n%s", err, d.stderr)
	}
	d.checkNothingLeft(t)
}

func (d *runningDemo) checkNothingLeft(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(d.temp)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Errorf("%s is left in the temporary directory", file.Name())
	}
	for _, stray := range d.processes(t) {
		t.Errorf("%s is left running", stray)
	}
}

// processes are the live processes that carry the demo's mark. Where there is
// no /proc it finds none, and the ports must tell.
func (d *runningDemo) processes(t *testing.T) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
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
