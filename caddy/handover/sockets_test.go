package handover

import (
	"context"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
)

// freeAddress returns a loopback address with a free port.
func freeAddress(t *testing.T) caddy.NetworkAddress {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	addr, err := caddy.ParseNetworkAddress(listener.Addr().String())
	require.NoError(t, err)
	return addr
}

// share listens on the shared socket of an address until the test ends.
func share(t *testing.T, addr caddy.NetworkAddress) *listener {
	t.Helper()
	addr.Network = sharedPrefix + addr.Network
	opened, err := addr.Listen(t.Context(), 0, net.ListenConfig{})
	require.NoError(t, err)
	l := opened.(*listener)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// dial makes connections that stay open until the test ends.
func dial(t *testing.T, addr caddy.NetworkAddress, connections int) {
	t.Helper()
	for range connections {
		conn, err := net.Dial("tcp", addr.JoinHostPort(0))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// acceptAll accepts connections and closes them.
func acceptAll(t *testing.T, l net.Listener, connections int) {
	t.Helper()
	for range connections {
		conn, err := l.Accept()
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestConnectionsGoToTheNextListenerAfterTheFirstYields(t *testing.T) {
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	dial(t, addr, 1)
	acceptAll(t, first, 1)

	require.True(t, first.yield())
	dial(t, addr, 1)
	acceptAll(t, second, 1)
	require.False(t, second.yield(), "there is no next listener")
	require.False(t, first.yield(), "it has yielded already")
}

func TestNoConnectionIsLostWhenAListenerCloses(t *testing.T) {
	const connections = 50
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	dial(t, addr, connections) // not accepted
	require.NoError(t, first.Close())
	acceptAll(t, second, connections)
}

func TestAListenerStaysActiveWhenTheNextOneCloses(t *testing.T) {
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	require.NoError(t, second.Close())
	require.False(t, first.yield())
	dial(t, addr, 1)
	acceptAll(t, first, 1)
}

func TestASocketClosesWithItsLastListener(t *testing.T) {
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	dial(t, addr, 1) // not accepted
	for _, l := range []*listener{first, second} {
		require.NoError(t, l.Close())
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, l.Close(), "closing again")
	}

	listener, err := net.Listen("tcp", addr.JoinHostPort(0))
	require.NoError(t, err, "the port is free")
	require.NoError(t, listener.Close())
	assert.NotContains(t, sockets.open, addr.String())
}

func TestListeningOnAnAddressInUseFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr, err := caddy.ParseNetworkAddress(sharedPrefix + "tcp/" + taken.Addr().String())
	require.NoError(t, err)
	_, err = addr.Listen(t.Context(), 0, net.ListenConfig{})
	require.ErrorContains(t, err, taken.Addr().String())

	require.NoError(t, taken.Close())
	opened, err := addr.Listen(t.Context(), 0, net.ListenConfig{})
	require.NoError(t, err, "it succeeds when the address is free")
	require.NoError(t, opened.(*listener).Close())
}

func TestAListenerClosesWithItsConfig(t *testing.T) {
	addr := freeAddress(t)
	current := share(t, addr)
	ctx, cancel := context.WithCancel(t.Context())
	shared := addr
	shared.Network = sharedPrefix + addr.Network
	failed, err := shared.Listen(ctx, 0, net.ListenConfig{})
	require.NoError(t, err)
	cancel()
	closed := make(chan error, 1)
	go func() {
		_, err := failed.(*listener).Accept()
		closed <- err
	}()
	select {
	case err := <-closed:
		require.ErrorIs(t, err, net.ErrClosed)
	case <-time.After(patience):
		require.FailNow(t, "the listener is still open")
	}
	require.False(t, current.yield(), "there is no next listener")
	dial(t, addr, 1)
	acceptAll(t, current, 1)
}

// A name server that does not respond delays only the listener of that name.
func TestASlowListenDelaysNoOtherListener(t *testing.T) {
	slow, done := &net.ListenConfig{}, make(chan error, 1)
	resolving, answer := make(chan struct{}), make(chan struct{})
	slow.Control = func(string, string, syscall.RawConn) error {
		close(resolving)
		<-answer
		return nil
	}
	addr := freeAddress(t)
	go func() {
		shared := addr
		shared.Network = sharedPrefix + addr.Network
		opened, err := shared.Listen(context.Background(), 0, *slow)
		if err == nil {
			err = opened.(*listener).Close()
		}
		done <- err
	}()
	<-resolving
	other := freeAddress(t)
	l := share(t, other)
	dial(t, other, 1)
	acceptAll(t, l, 1)
	close(answer)
	require.NoError(t, <-done)
}

func TestAClaimEndsWithItsConfig(t *testing.T) {
	addr := freeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := &server{pendingConns: newPendingConns(time.Now)}
	sockets.claim(ctx, addr, failed)
	cancel()
	require.Eventually(t, func() bool {
		sockets.mu.Lock()
		defer sockets.mu.Unlock()
		return sockets.claims[addr.String()] == nil
	}, patience, time.Millisecond)
	l := share(t, addr)
	assert.Nil(t, l.server)
	assert.Empty(t, failed.listeners)
}
