package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"sync/atomic"
	"time"
)

// balancer stands in front of several proxies, as a network load balancer or DNS
// would, and gives every request to the next of them: no two requests of a session
// need to go through the same one.
type balancer struct {
	addresses []string // of the proxies
	requests  atomic.Uint64
	server    *http.Server
}

// listenBalancer starts to serve at an endpoint.
func listenBalancer(at endpoint, proxies []*proxy) (*balancer, error) {
	b := &balancer{}
	for _, p := range proxies {
		b.addresses = append(b.addresses, p.address())
	}
	b.server = &http.Server{Handler: b.handler(), ReadHeaderTimeout: 10 * time.Second}
	hosts := []string{"127.0.0.1"}
	if at.ipv6 {
		hosts = append(hosts, "::1")
	}
	for _, host := range hosts {
		listener, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(at.port)))
		if err != nil {
			b.close()
			return nil, fmt.Errorf("listening in front of the proxies: %w", err)
		}
		go func() { _ = b.server.Serve(listener) }()
	}
	return b, nil
}

// handler passes requests on as they are, WebSockets too.
func (b *balancer) handler() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = b.next()
			r.Out.Host = r.In.Host
		},
		// A browser holds at most six connections to each of two hosts, and closes
		// its requests as it likes, which is no error of the demo.
		Transport:    &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
}

// next returns the address of the proxy for the next request.
func (b *balancer) next() string {
	return b.addresses[(b.requests.Add(1)-1)%uint64(len(b.addresses))]
}

func (b *balancer) close() { _ = b.server.Close() }
