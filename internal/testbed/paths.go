package testbed

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Root returns the directory of this module, at or above the current one.
var Root = sync.OnceValues(func() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the current directory: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "testdata", "socketio", "node.js")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("finding testdata/socketio/node.js at or above %s: run this inside its repository", start)
		}
	}
})

// Path returns the path of a file of this module. It panics outside of the
// module; see [Root].
func Path(elements ...string) string {
	root, err := Root()
	if err != nil {
		panic(err)
	}
	return filepath.Join(append([]string{root}, elements...)...)
}

// Binary returns the path of a program in bin/.
func Binary(name string) string { return Path("bin", name) }

func requireNodeModules(t *testing.T) {
	t.Helper()
	for _, module := range []string{"engine.io-client", "playwright-core", "socket.io", "socket.io-client"} {
		_, err := os.Stat(Path("testdata", "socketio", "node_modules", module))
		require.NoError(t, err, "the Socket.IO packages are not installed: run make deps")
	}
}

// Chromium returns the path of the browser: CHROMIUM, or Debian's.
func Chromium() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}
