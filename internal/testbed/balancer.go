package testbed

import (
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// TCPBalancer is a TCP load balancer in front of several proxies. It gives
// connections to the proxies in turn.
type TCPBalancer struct {
	Endpoint           // of the balancer, otherwise like that of each proxy
	Proxies            []string
	connectionsByProxy []atomic.Int64 // connections, by proxy
}

// StartTCPBalancer runs a balancer in front of proxies that serve the same
// site, until the test ends.
func StartTCPBalancer(t *testing.T, endpoints []Endpoint) *TCPBalancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &TCPBalancer{Endpoint: endpoints[0], connectionsByProxy: make([]atomic.Int64, len(endpoints))}
	for _, f := range endpoints {
		parsed, err := url.Parse(f.URL)
		require.NoError(t, err)
		b.Proxies = append(b.Proxies, parsed.Host)
		b.URL = parsed.Scheme + "://" + listener.Addr().String()
	}

	var open sync.WaitGroup
	open.Go(func() {
		for next := 0; ; next = (next + 1) % len(b.Proxies) {
			client, err := listener.Accept()
			if err != nil { // it is closed
				return
			}
			b.connectionsByProxy[next].Add(1)
			open.Go(func() { proxyConnection(t.Context(), client, b.Proxies[next]) })
		}
	})
	t.Cleanup(open.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	return b
}

// proxyConnection passes on a connection to a proxy.
func proxyConnection(ctx context.Context, client net.Conn, address string) {
	server, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	local.Forward(ctx, client, server)
}

// Connections returns how many connections each proxy has had.
func (b *TCPBalancer) Connections() []int64 {
	counts := make([]int64, len(b.connectionsByProxy))
	for i := range b.connectionsByProxy {
		counts[i] = b.connectionsByProxy[i].Load()
	}
	return counts
}

// AssertRoundRobin checks that this many requests, each on a connection of its
// own, went through the proxies in turn since Connections returned since. It
// returns the number of connections of each proxy.
func (b *TCPBalancer) AssertRoundRobin(t *testing.T, since []int64, requests int) []int64 {
	t.Helper()
	var sum int64
	each := b.Connections()
	for i := range each {
		each[i] -= since[i]
		sum += each[i]
	}
	assert.GreaterOrEqual(t, sum, int64(requests), "connections, one for each request at least")
	for _, n := range each {
		assert.InDelta(t, float64(sum)/float64(len(each)), n, 1, "connections through each proxy, of %v", each)
	}
	return each
}
