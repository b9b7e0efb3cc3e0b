package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// cluster is everything that the demo starts.
type cluster struct {
	options options
	out     io.Writer
	page    endpoint
	proxies []*proxy
	nodes   nodes
	ended   chan *local.Process // a proxy, or Redis: without it the demo cannot go on
	stops   []func()            // in the order of the starts
}

func newCluster(o options, out io.Writer) *cluster {
	return &cluster{options: o, out: out, ended: make(chan *local.Process, o.proxies+1)}
}

// stop stops what has been started, the last first.
func (c *cluster) stop() {
	for _, stop := range slices.Backward(c.stops) {
		stop()
	}
}

// onStop adds what stop does.
func (c *cluster) onStop(do func()) { c.stops = append(c.stops, do) }

// start starts everything and returns once the page is served. What has been
// started is to be stopped, if there is an error too.
func (c *cluster) start(ctx context.Context) error {
	root, err := local.Root()
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "affinity-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for Caddy: %w", err)
	}
	c.onStop(func() { _ = os.RemoveAll(temp) })

	if err := c.startNodes(ctx, root, temp); err != nil {
		return err
	}
	if err := c.chooseEndpoints(temp); err != nil {
		return err
	}
	control, err := listenControl(c)
	if err != nil {
		return err
	}
	c.onStop(control.close)
	return c.startProxies(ctx, site{
		control: control.address(),
		nodes:   c.nodes.addresses(),
		page:    filepath.Join(root, "demo", "page"),
		client:  filepath.Join(root, "testdata", "socketio", "node_modules", "socket.io-client", "dist"),
	})
}

// startNodes starts the nodes and, before them, the Redis that they ask for.
func (c *cluster) startNodes(ctx context.Context, root, temp string) error {
	var args []string
	if c.options.redis {
		redis, url, err := local.StartRedis(ctx, temp, startLimit)
		if err != nil {
			return fmt.Errorf("starting a Redis for REDIS=1: %w", err)
		}
		c.onStop(func() { redis.Stop(stopGrace) })
		c.watch(redis)
		args = []string{"--redis", url}
	}
	c.nodes = newNodes(root, c.options.nodes, args, c.out)
	c.onStop(c.nodes.stopAll)
	return c.nodes.startAll(ctx)
}

// chooseEndpoints gives the page and each proxy an endpoint: the same, if there is
// one proxy only.
func (c *cluster) chooseEndpoints(temp string) error {
	var err error
	if c.page, err = chooseEndpoint(c.options.port, c.out); err != nil {
		return err
	}
	if c.options.proxies == 1 {
		c.proxies = []*proxy{newProxy(1, temp, c.page)}
		return nil
	}
	for i := range c.options.proxies {
		port, err := local.FreePort("127.0.0.1")
		if err != nil {
			return err
		}
		c.proxies = append(c.proxies, newProxy(i+1, temp, endpoint{port: port}))
	}
	return nil
}

// startProxies starts the proxies and, in front of several, a balancer.
func (c *cluster) startProxies(ctx context.Context, s site) error {
	program, err := filepath.Abs(c.options.caddy)
	if err != nil {
		return fmt.Errorf("resolving -caddy: %w", err)
	}
	if len(c.proxies) > 1 {
		s.secret = rand.Text()
		balancer, err := listenBalancer(c.page, c.proxies)
		if err != nil {
			return err
		}
		c.onStop(balancer.close)
	}
	for _, p := range c.proxies {
		if err := p.start(program, s); err != nil {
			return err
		}
		c.onStop(func() { p.Stop(stopGrace) })
		c.watch(p.Process)
	}
	for _, p := range c.proxies {
		if err := p.waitForPage(ctx); err != nil {
			return err
		}
	}
	return nil
}

// watch sends a process to ended when it ends.
func (c *cluster) watch(p *local.Process) {
	go func() {
		<-p.Exited()
		c.ended <- p
	}()
}
