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

// One browser has the pages of both demos: starting one takes seconds.
func TestDemoInChromium(t *testing.T) {
	testbed.RequireNodeModules(t)
	testbed.RequireChromium(t)
	require.NoError(t, testbed.BuildCaddy())
	alone := startDemo(t, "-caddy", testbed.Binary("caddy"), "-port", "0")
	cluster := startDemo(t, "-caddy", testbed.Binary("caddy"), "-port", "0", "-nodes", "5", "-proxies", "2", "-redis", "1")
	aloneURL, clusterURL := alone.waitForPage(t), cluster.waitForPage(t)

	t.Run("a handshake shows a bound sid and sets no cookie", func(t *testing.T) {
		for _, url := range []string{aloneURL, clusterURL} {
			resp, body := get(t, url+"socket.io/?EIO=4&transport=polling")
			if want := regexp.MustCompile(`^0\{"sid":"[A-Za-z0-9_-]{11}\.`); !want.MatchString(body) {
				t.Errorf("body %q does not match %s", body, want)
			}
			if cookies := resp.Header.Values("Set-Cookie"); len(cookies) > 0 {
				t.Errorf("Set-Cookie is %q, want none", cookies)
			}
		}
	})
	addresses := runningAddresses(t, aloneURL, 1, 3, false)
	addresses = append(addresses, runningAddresses(t, clusterURL, 2, 5, true)...)

	browser := startProgram(t, local.Options{
		Name: "browser",
		Args: []string{"node", "browser_test.mjs", aloneURL, clusterURL},
		Env:  []string{"TMPDIR=" + t.TempDir()},
	})
	browser.EndByStdin(t) // which ends Chromium
	browser.waitFor(t, "waiting")
	// The pages are still open, so this also ends held polls and open WebSockets.
	alone.interrupt(t)
	cluster.interrupt(t)
	for _, address := range addresses {
		if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still takes connections", address)
		}
	}
	_, err := io.WriteString(browser.Stdin, "stopped\n")
	require.NoError(t, err)
	browser.waitFor(t, "the pages say that the demo is gone")
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

// runningAddresses checks what the demo says that runs, and returns the address of
// each part.
func runningAddresses(t *testing.T, url string, proxies, nodes int, redis bool) []string {
	t.Helper()
	_, body := get(t, url+"demo/cluster")
	var state clusterState
	require.NoError(t, json.Unmarshal([]byte(body), &state), "reading %q", body)
	assert.Len(t, state.Proxies, proxies, body)
	assert.Len(t, state.Nodes, nodes, body)
	assert.Equal(t, redis, state.Redis, body)
	addresses := []string{strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")}
	for _, proxy := range state.Proxies {
		addresses = append(addresses, proxy.Address)
	}
	for _, node := range state.Nodes {
		assert.True(t, node.Running, "node %s runs", node.Name)
		addresses = append(addresses, node.Address)
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
