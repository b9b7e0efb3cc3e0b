package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// guard ends a wait that has become hopeless; no test passes or fails by it.
const guard = 5 * time.Minute

func TestDemoInChromium(t *testing.T) {
	requirePrograms(t)
	dir := t.TempDir()
	caddy := build(t, filepath.Join(dir, "caddy"), "-trimpath", "./cmd/caddy")
	demo := startDemo(t, build(t, filepath.Join(dir, "demo"), "./demo"), "-caddy", caddy, "-port", "0")
	url := demo.waitForPage(t)

	t.Run("a handshake shows a bound sid and sets no cookie", func(t *testing.T) {
		resp, body := get(t, url+"socket.io/?EIO=4&transport=polling")
		if want := regexp.MustCompile(`^0\{"sid":"[A-Za-z0-9_-]{11}\.`); !want.MatchString(body) {
			t.Errorf("body %q does not match %s", body, want)
		}
		if cookies := resp.Header.Values("Set-Cookie"); len(cookies) > 0 {
			t.Errorf("Set-Cookie is %q, want none", cookies)
		}
	})
	ports := append(nodeAddresses(t, url), strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/"))

	browser := startBrowser(t, url)
	browser.waitFor(t, "waiting")
	// The page is still open, so this also ends held polls and open WebSockets.
	demo.interrupt(t)
	for _, port := range ports {
		if conn, err := net.DialTimeout("tcp", port, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still takes connections", port)
		}
	}
	if _, err := io.WriteString(browser.stdin, "stopped\n"); err != nil {
		t.Fatal(err)
	}
	browser.waitFor(t, "the page says that the demo is gone")
	if err := browser.wait(); err != nil {
		t.Errorf("the browser's script: %v", err)
	}
}

func TestDemoThatCannotStartLeavesNothing(t *testing.T) {
	requirePrograms(t)
	dir := t.TempDir()
	program := build(t, filepath.Join(dir, "demo"), "./demo")
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, caddy, want string
	}{
		{"Caddy is not built", filepath.Join(dir, "missing"), "make build"},
		{"Caddy ends at once", node, "caddy ended by itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			demo := startDemo(t, program, "-caddy", test.caddy, "-port", "0")
			if err := demo.wait(); err == nil {
				t.Error("the demo exits 0")
			}
			if !strings.Contains(demo.stderr.String(), test.want) {
				t.Errorf("stderr is %q, want %q in it", demo.stderr.String(), test.want)
			}
			demo.checkNothingLeft(t)
		})
	}
}

// requirePrograms fails, rather than skips: a test that does not run proves
// nothing.
func requirePrograms(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("Node.js 20 or newer is needed: %v", err)
	}
	for _, name := range []string{"playwright-core", "socket.io", "socket.io-client"} {
		if _, err := os.Stat(filepath.Join("..", "testdata", "socketio", "node_modules", name)); err != nil {
			t.Fatalf("%s is not installed (run make deps): %v", name, err)
		}
	}
	if _, err := os.Stat(chromium()); err != nil {
		t.Fatalf("Chromium is not installed (run make deps, or name yours in CHROMIUM): %v", err)
	}
}

func chromium() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}

func build(t *testing.T, output string, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"build", "-o", output}, args...)...)
	cmd.Dir = ".."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return output
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Timeout: guard, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func nodeAddresses(t *testing.T, url string) []string {
	t.Helper()
	_, body := get(t, url+"demo/nodes")
	var states []nodeState
	if err := json.Unmarshal([]byte(body), &states); err != nil {
		t.Fatalf("reading %q: %v", body, err)
	}
	if len(states) != 3 {
		t.Fatalf("%d nodes, want 3: %s", len(states), body)
	}
	var addresses []string
	for _, state := range states {
		if !state.Running {
			t.Errorf("node %s does not run", state.Name)
		}
		addresses = append(addresses, state.Address)
	}
	return addresses
}

// program is a running program whose output is read a line at a time.
type program struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string
	stderr *strings.Builder
	done   chan error
}

func startProgram(t *testing.T, cmd *exec.Cmd) *program {
	t.Helper()
	p := &program{cmd: cmd, lines: make(chan string, 1000), stderr: new(strings.Builder), done: make(chan error, 1)}
	cmd.Stderr = p.stderr
	cmd.WaitDelay = guard
	var err error
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
		close(p.lines)
		p.done <- cmd.Wait()
	}()
	return p
}

// waitFor reads lines until one contains what is wanted, and returns that.
func (p *program) waitFor(t *testing.T, wanted string) string {
	t.Helper()
	limit := time.After(guard)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("%s ended before it said %q: %v\n%s", p.cmd.Path, wanted, <-p.done, p.stderr)
			}
			t.Log(line)
			if strings.Contains(line, wanted) {
				return line
			}
		case <-limit:
			t.Fatalf("%s has not said %q\n%s", p.cmd.Path, wanted, p.stderr)
		}
	}
}

// wait returns how the program ended.
func (p *program) wait() error {
	select {
	case err := <-p.done:
		return err
	case <-time.After(guard):
		return context.DeadlineExceeded
	}
}

func startBrowser(t *testing.T, url string) *program {
	t.Helper()
	cmd := exec.Command("node", "browser_test.mjs", url)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	p := startProgram(t, cmd)
	// Without its standard input the script ends, and the browser with it.
	t.Cleanup(func() { p.stdin.Close() })
	return p
}
