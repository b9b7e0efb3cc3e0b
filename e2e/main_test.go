package e2e

import (
	"fmt"
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

// Paths as seen from this directory, where go test runs the tests.
var (
	caddyBinary    = filepath.Join("..", "bin", "caddy")
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
