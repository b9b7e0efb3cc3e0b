package handover

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keepAliveInterval returns the interval of a connection's keep-alive probes, in
// seconds.
func keepAliveInterval(t *testing.T, conn net.Conn) (seconds int) {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) {
		seconds, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL)
	}))
	require.NoError(t, err)
	return seconds
}

func TestConnectionsHaveTheKeepAliveOfTheirConfig(t *testing.T) {
	addr := freeAddress(t)
	shared := addr
	shared.Network = sharedPrefix + addr.Network
	open := func(config net.KeepAliveConfig) *listener {
		opened, err := shared.Listen(t.Context(), 0, net.ListenConfig{KeepAliveConfig: config})
		require.NoError(t, err)
		l := opened.(*listener)
		t.Cleanup(func() { require.NoError(t, l.Close()) })
		return l
	}
	interval := func(l *listener) int {
		dial(t, addr, 1)
		conn, err := l.Accept()
		require.NoError(t, err)
		defer conn.Close()
		return keepAliveInterval(t, conn)
	}
	first := open(net.KeepAliveConfig{Enable: true, Interval: 7 * time.Second})
	second := open(net.KeepAliveConfig{Enable: true, Interval: 9 * time.Second})
	third := open(net.KeepAliveConfig{})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer plain.Close()

	assert.Equal(t, 7, interval(first))
	require.True(t, first.yield())
	assert.Equal(t, 9, interval(second))
	require.True(t, second.yield())
	conn, err := net.Dial("tcp", plain.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	accepted, err := plain.Accept()
	require.NoError(t, err)
	defer accepted.Close()
	assert.Equal(t, keepAliveInterval(t, accepted), interval(third), "the same as on a socket that is not shared")
}
