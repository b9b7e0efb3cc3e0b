package local

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// taken has every port that FreePort has returned.
var taken sync.Map

// FreePort returns a port on which nothing listens at an address of this machine,
// for a program that has to be given one. The port is below those that the kernel
// gives to outgoing connections: tests make thousands of them, and one could take
// the port before the program listens.
func FreePort(host string) (int, error) {
	const first, last = 15000, 32000
	for range last - first {
		port := first + rand.IntN(last-first)
		if IsFree(host, port) != nil {
			continue
		}
		if _, before := taken.LoadOrStore(port, true); !before {
			return port, nil
		}
	}
	return 0, errors.New("no free port on " + host)
}

// FreeAddress returns host:port of a port of 127.0.0.1 as FreePort finds it.
func FreeAddress() (string, error) {
	const host = "127.0.0.1"
	port, err := FreePort(host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.Itoa(port)), nil
}

// IsFree returns an error if nothing can listen at an address.
func IsFree(host string, port int) error {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return listener.Close()
}

// Take reserves a port, so that FreePort does not return it, and reports whether
// FreePort has not returned it before.
func Take(port int) bool {
	_, before := taken.LoadOrStore(port, true)
	return !before
}
