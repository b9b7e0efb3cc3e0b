package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// goSettings are the settings of the go command that this test needs.
type goSettings struct {
	Proxy      string `json:"GOPROXY"`
	NoSumDB    string `json:"GONOSUMDB"`
	ModCache   string `json:"GOMODCACHE"`
	RepoModule string `json:"GOMOD"`
}

// TestXcaddy builds Caddy as users do, from this module as it would be
// published, and runs the result.
func TestXcaddy(t *testing.T) {
	t.Parallel()
	settings := readGoSettings(t)
	root := filepath.Dir(settings.RepoModule)
	next := firstProxy(t, settings.Proxy)

	// Never the same version twice, as go would use the cached one.
	commit := make([]byte, 6)
	_, err := rand.Read(commit)
	require.NoError(t, err)
	proxy, err := testbed.NewModuleProxy(root, time.Now(), hex.EncodeToString(commit), next)
	require.NoError(t, err)
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	t.Cleanup(func() { assert.NoError(t, forgetModule(settings.ModCache, proxy.Version)) })

	xcaddy := filepath.Join(root, "bin", "xcaddy")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-o", xcaddy, "tool")
	build.Dir = filepath.Join(root, "tools", "xcaddy")
	requireRuns(t, build)

	caddyVersion := strings.TrimSpace(requireRuns(t, exec.CommandContext(t.Context(),
		"go", "list", "-m", "-f", "{{.Version}}", "github.com/caddyserver/caddy/v2")))
	caddy := filepath.Join(t.TempDir(), "caddy")
	build = exec.CommandContext(xcaddyContext(t), xcaddy, "build", caddyVersion,
		"--with", testbed.ModulePath+"/caddy@"+proxy.Version, "--output", caddy)
	build.Dir = t.TempDir()
	build.Env = append(xcaddyEnviron(),
		"GOPROXY="+server.URL,
		"GONOPROXY=none",
		"GONOSUMDB="+strings.TrimPrefix(settings.NoSumDB+","+testbed.ModulePath, ","),
		"GOWORK=off",
		"GOFLAGS=",
		"CGO_ENABLED=0",
	)
	// Interrupted, so that xcaddy stops the go command and cleans up.
	build.Cancel = func() error { return build.Process.Signal(os.Interrupt) }
	build.WaitDelay = 20 * time.Second
	t.Logf("building Caddy %s with xcaddy and %s@%s", caddyVersion, testbed.ModulePath, proxy.Version)
	requireRuns(t, build)

	t.Run("lists this module's modules", func(t *testing.T) {
		modules := strings.Fields(requireRuns(t, exec.CommandContext(t.Context(), caddy, "list-modules")))
		assert.Contains(t, modules, "http.handlers.affinity")
		assert.Contains(t, modules, "http.reverse_proxy.selection_policies.affinity")
	})

	t.Run("adapts a Caddyfile of one line", func(t *testing.T) {
		caddyfile := filepath.Join(t.TempDir(), "Caddyfile")
		require.NoError(t, os.WriteFile(caddyfile, []byte(":8080\n\nsocketio 127.0.0.1:1 127.0.0.1:2\n"), 0o600))
		adapt := exec.CommandContext(t.Context(), caddy, "adapt", "--adapter", "caddyfile", "--config", caddyfile)
		config := requireRuns(t, adapt)
		for _, want := range []string{
			`"handler":"affinity"`,
			`"selection_policy":{"policy":"affinity"`,
			`"dial":"127.0.0.1:1"`,
			`"dial":"127.0.0.1:2"`,
		} {
			assert.Contains(t, config, want)
		}
	})
}

// readGoSettings asks the go command for its settings.
func readGoSettings(t *testing.T) goSettings {
	t.Helper()

	var settings goSettings
	out := requireRuns(t, exec.CommandContext(t.Context(), "go", "env", "-json", "GOPROXY", "GONOSUMDB", "GOMODCACHE", "GOMOD"))
	require.NoError(t, json.Unmarshal([]byte(out), &settings))
	return settings
}

// firstProxy returns the first proxy of a GOPROXY. The test needs one: every
// other word in it would let go ask for this module elsewhere.
func firstProxy(t *testing.T, goproxy string) *url.URL {
	t.Helper()

	for entry := range strings.FieldsFuncSeq(goproxy, func(r rune) bool { return r == ',' || r == '|' }) {
		if proxy, err := url.Parse(entry); err == nil && (proxy.Scheme == "https" || proxy.Scheme == "http") {
			return proxy
		}
	}
	require.FailNowf(t, "no module proxy", "GOPROXY is %q, which names no http(s) proxy to fetch Caddy's modules from", goproxy)
	return nil
}

// xcaddyContext returns a context that ends in time for xcaddy to clean up
// before the test's own deadline.
func xcaddyContext(t *testing.T) context.Context {
	t.Helper()

	deadline, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-30*time.Second))
	t.Cleanup(cancel)
	return ctx
}

// xcaddyEnviron returns the environment without the variables that change how
// xcaddy builds.
func xcaddyEnviron() []string {
	var environ []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "XCADDY_") && !strings.HasPrefix(variable, "CADDY_VERSION=") {
			environ = append(environ, variable)
		}
	}
	return environ
}

// RequireRunning runs a command and returns its standard output. When the command
// fails, so does the test, with all that the command reply.
func requireRuns(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()

	var out, complaints bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil {
		require.FailNowf(t, "command failed", "%s: %v\n%s%s", cmd, err, complaints.Bytes(), out.Bytes())
	}
	return out.String()
}

// forgetModule removes one version of this module from the module cache.
func forgetModule(cacheFolder, version string) error {
	cache, err := os.OpenRoot(cacheFolder)
	if err != nil {
		return fmt.Errorf("opening the module cache: %w", err)
	}
	defer cache.Close()

	unpacked := testbed.ModulePath + "@" + version
	// Folders in the module cache are read-only.
	err = fs.WalkDir(cache.FS(), unpacked, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return cache.Chmod(name, 0o700)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("making the unpacked module writable: %w", err)
	}
	if err := cache.RemoveAll(unpacked); err != nil {
		return fmt.Errorf("removing the unpacked module: %w", err)
	}

	downloaded := "cache/download/" + testbed.ModulePath + "/@v/"
	files, err := fs.Glob(cache.FS(), downloaded+version+".*")
	if err != nil {
		return fmt.Errorf("finding the downloaded module: %w", err)
	}
	for _, file := range files {
		if err := cache.Remove(file); err != nil {
			return fmt.Errorf("removing the downloaded module: %w", err)
		}
	}
	// The list of versions, which go reads when it may not ask a proxy.
	versions, err := cache.ReadFile(downloaded + "list")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the downloaded versions: %w", err)
	}
	versions = bytes.ReplaceAll(versions, []byte(version+"\n"), nil)
	if err := cache.WriteFile(downloaded+"list", versions, 0o600); err != nil {
		return fmt.Errorf("writing the downloaded versions: %w", err)
	}
	return nil
}
