package e2e

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// balancer stands in front of several proxies and knows nothing but TCP: it
// gives each connection to the proxy after the one that had the last.
type balancer struct {
	front   // what a client is told, which is like any of the proxies
	proxies []string
	passed  []atomic.Int64 // connections, by proxy
}

// startBalancer runs a balancer until the test ends. Proxies that are alike
// serve the fronts, all of the same site.
func startBalancer(t *testing.T, fronts []front) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b := &balancer{front: fronts[0], passed: make([]atomic.Int64, len(fronts))}
	for _, f := range fronts {
		parsed, err := url.Parse(f.url)
		require.NoError(t, err)
		b.proxies = append(b.proxies, parsed.Host)
		b.url = parsed.Scheme + "://" + listener.Addr().String()
	}

	var open sync.WaitGroup
	open.Go(func() {
		for next := 0; ; next = (next + 1) % len(b.proxies) {
			client, err := listener.Accept()
			if err != nil { // it is closed
				return
			}
			b.passed[next].Add(1)
			open.Go(func() { pass(t.Context(), client, b.proxies[next]) })
		}
	})
	t.Cleanup(open.Wait)
	t.Cleanup(func() { _ = listener.Close() })
	return b
}

// pass hands on what a client and a server say, until both have said all or the
// context ends.
func pass(ctx context.Context, client net.Conn, address string) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})()

	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}

// connections returns how many connections each proxy has had.
func (b *balancer) connections() []int64 {
	counts := make([]int64, len(b.passed))
	for i := range b.passed {
		counts[i] = b.passed[i].Load()
	}
	return counts
}

// assertPassed checks that so many requests went through one proxy after the
// other, as no connection had two of them, and returns how many connections each
// proxy has had. It starts from what connections has returned.
func (b *balancer) assertPassed(t *testing.T, since []int64, requests int) []int64 {
	t.Helper()
	var sum int64
	each := b.connections()
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
