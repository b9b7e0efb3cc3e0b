package e2e

import (
	"fmt"
	"os"
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// object is a part of a configuration.
type object = testbed.Object

// TestMain builds the Caddy under test, so that go test ./e2e never tests
// yesterday's, and ends the browsers that tests share.
func TestMain(m *testing.M) {
	if err := testbed.BuildCaddy(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if err := testbed.StopBrowsers(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}
