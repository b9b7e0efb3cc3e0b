package main

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

func TestDemoInChromium(t *testing.T) {
	testbed.RequireNodeModules(t)
	testbed.RequireChromium(t)
	require.NoError(t, testbed.BuildCaddy())
	demo := startDemo(t, "-caddy", testbed.Binary("caddy"), "-port", "0")
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

	browser := startProgram(t, local.Options{
		Name: "browser",
		Args: []string{"node", "browser_test.mjs", url},
		Env:  []string{"TMPDIR=" + t.TempDir()},
	})
	browser.EndByStdin(t) // which ends Chromium
	browser.waitFor(t, "waiting")
	// The page is still open, so this also ends held polls and open WebSockets.
	demo.interrupt(t)
	for _, port := range ports {
		if conn, err := net.DialTimeout("tcp", port, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still takes connections", port)
		}
	}
	_, err := io.WriteString(browser.Stdin, "stopped\n")
	require.NoError(t, err)
	browser.waitFor(t, "the page says that the demo is gone")
	browser.RequireExited(t)
	assert.NoError(t, browser.Wait(), "the browser's script")
}

func TestDemoThatCannotStartLeavesNothing(t *testing.T) {
	testbed.RequireNodeModules(t)
	node, err := exec.LookPath("node")
	require.NoError(t, err)
	for _, test := range []struct {
		name, caddy, want string
	}{
		{"Caddy is not built", filepath.Join(t.TempDir(), "missing"), "make build"},
		{"Caddy ends at once", node, "caddy ended by itself"},
	} {
		t.Run(test.name, func(t *testing.T) {
			demo := startDemo(t, "-caddy", test.caddy, "-port", "0")
			demo.RequireExited(t)
			require.Error(t, demo.Wait(), "the demo exits 0")
			assert.Contains(t, demo.Output.String(), test.want)
			demo.checkNothingLeft(t)
		})
	}
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Timeout: testbed.Timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp, string(body)
}

func nodeAddresses(t *testing.T, url string) []string {
	t.Helper()
	_, body := get(t, url+"demo/nodes")
	var states []nodeState
	require.NoError(t, json.Unmarshal([]byte(body), &states), "reading %q", body)
	require.Len(t, states, 3, body)
	var addresses []string
	for _, state := range states {
		if !state.Running {
			t.Errorf("node %s does not run", state.Name)
		}
		addresses = append(addresses, state.Address)
	}
	return addresses
}

// program is a running program of a test.
type program struct {
	*testbed.Process
}

// startProgram starts a program that ends with the test.
func startProgram(t *testing.T, options local.Options) program {
	t.Helper()
	return program{testbed.StartProcess(t, options)}
}

// waitFor reads lines until one contains what is wanted, and returns that.
func (p program) waitFor(t *testing.T, wanted string) string {
	t.Helper()
	for {
		line := p.Line(t)
		t.Log(line)
		if strings.Contains(line, wanted) {
			return line
		}
	}
}
