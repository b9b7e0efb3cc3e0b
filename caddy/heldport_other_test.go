//go:build !unix

package caddy

import "net"

// holdPort does nothing: another program may get the port.
func holdPort(*net.TCPAddr) (release func()) { return func() {} }
