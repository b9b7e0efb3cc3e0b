//go:build unix

package caddy

import (
	"net"
	"syscall"
)

// holdPort takes a port without listening on it, so that connections to it are
// refused and no other program gets it. release gives it back.
func holdPort(address *net.TCPAddr) (release func()) {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return func() {}
	}
	// Connections of the former listener may still be in TIME_WAIT.
	_ = syscall.SetsockoptInt(socket, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1)
	_ = syscall.Bind(socket, &syscall.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())})
	return func() { _ = syscall.Close(socket) }
}
