package main

import (
	"context"
	"net"
	"sync"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// balancer gives connections to several proxies in turn, as a network load balancer
// does that keeps the client's address.
type balancer struct {
	listener net.Listener
	proxies  []string
	open     sync.WaitGroup
	stop     context.CancelFunc
}

func startBalancer(proxies ...string) (*balancer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	b := &balancer{listener: listener, proxies: proxies, stop: stop}
	b.open.Go(func() { b.serve(ctx) })
	return b, nil
}

func (b *balancer) url() string { return "http://" + b.listener.Addr().String() }

// close ends the balancer and its connections.
func (b *balancer) close() {
	_ = b.listener.Close()
	b.stop()
	b.open.Wait()
}

func (b *balancer) serve(ctx context.Context) {
	for next := 0; ; next = (next + 1) % len(b.proxies) {
		client, err := b.listener.Accept()
		if err != nil { // it is closed
			return
		}
		b.open.Go(func() { connect(ctx, client, b.proxies[next]) })
	}
}

// connect passes on a connection to a proxy, from the client's address.
func connect(ctx context.Context, client net.Conn, address string) {
	from := net.TCPAddr{IP: client.RemoteAddr().(*net.TCPAddr).IP}
	server, err := (&net.Dialer{LocalAddr: &from}).DialContext(ctx, "tcp", address)
	if err != nil {
		_ = client.Close()
		return
	}
	local.Forward(ctx, client, server)
}
