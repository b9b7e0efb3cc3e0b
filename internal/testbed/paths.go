package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// Path returns the path of a file of this module. It panics outside of the
// module.
func Path(elements ...string) string {
	root, err := local.Root()
	if err != nil {
		panic(err)
	}
	return filepath.Join(append([]string{root}, elements...)...)
}

// Binary returns the path of a program in bin/.
func Binary(name string) string { return Path("bin", name) }

// RequireNodeModules ends the test if the Socket.IO packages are not installed.
func RequireNodeModules(t *testing.T) {
	t.Helper()
	for _, module := range []string{"engine.io-client", "playwright-core", "socket.io", "socket.io-client"} {
		_, err := os.Stat(Path("testdata", "socketio", "node_modules", module))
		require.NoError(t, err, "the Socket.IO packages are not installed: run make deps")
	}
}

// RequireChromium ends the test if there is no browser.
func RequireChromium(t *testing.T) {
	t.Helper()
	_, err := os.Stat(local.Chromium())
	require.NoError(t, err, "Chromium is not installed: run make deps, or name yours in CHROMIUM")
}
