package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// guard bounds every wait for something that must happen. It is far longer
// than anything takes: it ends a test that hangs, and decides none.
const guard = 120 * time.Second

// guardedClient is the HTTP client of requests that need no other: none of them
// waits for longer than the guard.
var guardedClient = &http.Client{Timeout: guard}

// Paths as seen from this directory, where go test runs the tests.
var (
	caddyBinary    = filepath.Join("..", "bin", "caddy")
	raceBinary     = filepath.Join("..", "bin", "caddy-race")
	goserverBinary = filepath.Join("..", "bin", "goserver")
	socketioDir    = filepath.Join("..", "testdata", "socketio")
)

// TestMain builds the Caddy under test, so that go test ./e2e never tests
// yesterday's.
func TestMain(m *testing.M) {
	build := exec.Command("go", "build", "-trimpath", "-o", caddyBinary, "../cmd/caddy")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "building bin/caddy:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// buildRaceCaddy builds the Caddy under test with the race detector, for the
// tests that need it, and returns its path. What make test-units has compiled is
// not compiled again: flags that change no package's code change what it is
// cached as, so these are those of make test-units where they can be.
func buildRaceCaddy(t *testing.T) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-o", raceBinary, "../cmd/caddy")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-buildvcs=false -tags=nobadger,nomysql,nopgx")
	began := time.Now()
	said, err := build.CombinedOutput()
	require.NoError(t, err, "building bin/caddy-race: %s", said)
	t.Logf("%s: building bin/caddy-race took %.0f s", t.Name(), time.Since(began).Seconds())
	return raceBinary
}

// receive waits until something comes on a channel or the channel is closed, and
// reports whether that was within the guard. It ends no test, so any goroutine
// may call it.
func receive[T any](channel <-chan T) (value T, inTime bool) {
	timeout := time.NewTimer(guard)
	defer timeout.Stop()
	select {
	case value = <-channel:
		return value, true
	case <-timeout.C:
		return value, false
	}
}

// requireSoon waits until a condition holds. The condition may end the test
// itself.
func requireSoon(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(guard)
	for !condition() {
		require.False(t, time.Now().After(deadline), "%s: not within %s", what, guard)
		time.Sleep(10 * time.Millisecond)
	}
}
