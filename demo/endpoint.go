package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// endpoint is where the page is: a Caddy listens there, or the balancer in front of
// several.
type endpoint struct {
	port int
	ipv6 bool // on [::1] too, which "localhost" can mean
}

func (e endpoint) address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(e.port)) }

func (e endpoint) pageURL() string { return fmt.Sprintf("http://localhost:%d/", e.port) }

// chooseEndpoint takes the wanted port if it is free, else any free one.
func chooseEndpoint(port int, out io.Writer) (endpoint, error) {
	e := endpoint{port: port, ipv6: local.IsFree("::1", 0) == nil}
	if port != 0 {
		err := e.free()
		if err == nil {
			return e, nil
		}
		fmt.Fprintf(out, "Port %d is busy (%v), taking a free one.\n", port, err)
	}
	for range 100 {
		var err error
		if e.port, err = local.FreePort("127.0.0.1"); err != nil {
			return e, err
		}
		if e.free() == nil {
			return e, nil
		}
	}
	return e, errors.New("finding a free port")
}

// free returns an error if somebody listens on an address of the endpoint.
func (e endpoint) free() error {
	if err := local.IsFree("127.0.0.1", e.port); err != nil || !e.ipv6 {
		return err
	}
	return local.IsFree("::1", e.port)
}
