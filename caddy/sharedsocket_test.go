package caddy

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
)

// freeAddress returns a loopback address that nobody listens on.
func freeAddress(t *testing.T) caddy.NetworkAddress {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	addr, err := caddy.ParseNetworkAddress(listener.Addr().String())
	require.NoError(t, err)
	return addr
}

// share listens on an address as a server of a config does, until the test ends.
func share(t *testing.T, addr caddy.NetworkAddress) *sharedListener {
	t.Helper()
	addr.Network = sharedPrefix + addr.Network
	opened, err := addr.Listen(t.Context(), 0, net.ListenConfig{})
	require.NoError(t, err)
	l := opened.(*sharedListener)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// dial makes connections, until the test ends.
func dial(t *testing.T, addr caddy.NetworkAddress, connections int) {
	t.Helper()
	for range connections {
		conn, err := net.Dial("tcp", addr.JoinHostPort(0))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
}

// acceptAll accepts connections, and closes them.
func acceptAll(t *testing.T, l net.Listener, connections int) {
	t.Helper()
	for range connections {
		conn, err := l.Accept()
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
}

func TestConnectionsGoToTheNextListenerOnceTheFirstHasYielded(t *testing.T) {
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	dial(t, addr, 1)
	acceptAll(t, first, 1)

	require.True(t, first.yield())
	dial(t, addr, 1)
	acceptAll(t, second, 1)
	require.False(t, second.yield(), "there is nobody else")
	require.False(t, first.yield(), "it has yielded")
}

func TestNoConnectionIsLostWhenAListenerCloses(t *testing.T) {
	const connections = 50
	addr := freeAddress(t)
	first, second := share(t, addr), share(t, addr)
	dial(t, addr, connections) // nobody accepts them
	require.NoError(t, first.Close())
	acceptAll(t, second, connections)
}

func TestAListenerGoesOnWhenTheNextOneFails(t *testing.T) {
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
	dial(t, addr, 1) // nobody accepts it
	for _, l := range []*sharedListener{first, second} {
		require.NoError(t, l.Close())
		_, err := l.Accept()
		require.ErrorIs(t, err, net.ErrClosed)
		require.NoError(t, l.Close(), "a second time")
	}

	listener, err := net.Listen("tcp", addr.JoinHostPort(0))
	require.NoError(t, err, "the port is free")
	require.NoError(t, listener.Close())
	assert.NotContains(t, sockets.open, addr.String())
}

func TestASharedAddressThatCannotBeListenedOnIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	addr, err := caddy.ParseNetworkAddress(sharedPrefix + "tcp/" + listener.Addr().String())
	require.NoError(t, err)
	_, err = addr.Listen(t.Context(), 0, net.ListenConfig{})
	require.ErrorContains(t, err, listener.Addr().String())
}
