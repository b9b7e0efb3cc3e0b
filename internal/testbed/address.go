package testbed

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// takenPorts has every port that FreeAddress has given away.
var takenPorts sync.Map

// FreeAddress returns a loopback address that nothing listens on, for a program
// that has to be told one. Its port is below those that the kernel gives to
// outgoing connections: the crowds make thousands, and one could have it by the
// time that the program listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	const first, last = 15000, 32000
	for range last - first {
		port := first + rand.IntN(last-first)
		address := fmt.Sprintf("127.0.0.1:%d", port)
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		require.NoError(t, listener.Close())
		if _, taken := takenPorts.LoadOrStore(port, true); !taken {
			return address
		}
	}
	require.FailNow(t, "no free port", "from %d to %d", first, last)
	return ""
}

// FreePorts returns fronts on so many ports in a row, on which nothing listens.
func FreePorts(t *testing.T, count int) []Endpoint {
	t.Helper()
	var endpoints []Endpoint
	RequireEventually(t, "free ports in a row", func() bool {
		proxy, port, err := net.SplitHostPort(FreeAddress(t))
		require.NoError(t, err)
		first, err := strconv.Atoi(port)
		require.NoError(t, err)
		endpoints = nil
		for i := range count {
			address := fmt.Sprintf("%s:%d", proxy, first+i)
			listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
			if err != nil {
				return false
			}
			_ = listener.Close()
			if _, taken := takenPorts.LoadOrStore(first+i, true); taken && i > 0 {
				return false
			}
			endpoints = append(endpoints, Endpoint{URL: "http://" + address})
		}
		return true
	})
	return endpoints
}
