package testbed

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// FreeAddress returns a loopback address that nothing listens on, for a program
// that has to be given one. See [local.FreePort].
func FreeAddress(t *testing.T) string {
	t.Helper()
	address, err := local.FreeAddress()
	require.NoError(t, err)
	return address
}

// FreePorts returns endpoints on consecutive ports that nothing listens on.
func FreePorts(t *testing.T, count int) []Endpoint {
	t.Helper()
	const host = "127.0.0.1"
	var endpoints []Endpoint
	RequireEventually(t, "free ports in a row", func() bool {
		first, err := local.FreePort(host)
		require.NoError(t, err)
		endpoints = nil
		for port := first; port < first+count; port++ {
			if local.IsFree(host, port) != nil || !local.Take(port) && port > first {
				return false
			}
			endpoints = append(endpoints, Endpoint{URL: fmt.Sprintf("http://%s:%d", host, port)})
		}
		return true
	})
	return endpoints
}
