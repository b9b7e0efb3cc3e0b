package local

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
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

// Chromium returns the path of the browser: CHROMIUM, or Debian's.
func Chromium() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	return "/usr/bin/chromium"
}
