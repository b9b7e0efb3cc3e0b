package main

import (
	"context"
	"errors"
	"sync"
	"time"
)

// configuration is a way to run Traefik.
type configuration struct {
	title string

	// plugin is the folder of the plugin, from the project's, and module its
	// module. There is none when they are empty.
	plugin, module string

	// options are the plugin's, as JSON.
	options string

	// cookies says that the sessions are kept by the clients' cookies.
	cookies bool
}

var configurations = []configuration{
	{title: "none", cookies: true},
	{title: "empty", plugin: "bench/traefikcost/emptyplugin", module: "github.com/eio-affinity/emptyplugin", options: "{}", cookies: true},
	{title: "affinity", plugin: ".", module: "github.com/eio-affinity/affinity", options: `{"cookieNames": ["` + stickyCookie + `"]}`},
}

// peer is a Traefik of one configuration, with its clients.
type peer struct {
	configuration
	*traefik
	clients []*client
}

func startPeer(ctx context.Context, c configuration, opts options, nodes []*node) (*peer, error) {
	t, err := startTraefik(c, opts.traefik, nodes)
	if err != nil {
		return nil, err
	}
	p := &peer{configuration: c, traefik: t}
	for range opts.clients {
		client := newClient(t.address, c.cookies)
		if err := p.open(ctx, client); err != nil {
			err = t.withLog(err)
			p.stop()
			return nil, err
		}
		p.clients = append(p.clients, client)
	}
	return p, nil
}

// open opens a client's session, once Traefik is up.
func (p *peer) open(ctx context.Context, c *client) error {
	const patience, pause = 30 * time.Second, 50 * time.Millisecond
	var err error
	for began := time.Now(); time.Since(began) < patience && ctx.Err() == nil; time.Sleep(pause) {
		if err = c.open(ctx); err == nil {
			return nil
		}
	}
	return errors.Join(ctx.Err(), err)
}

// measure sends so many requests, and returns how much CPU time Traefik took
// for one of them.
func (p *peer) measure(ctx context.Context, k kind, requests int) (time.Duration, error) {
	before, err := p.cpuTime()
	if err != nil {
		return 0, err
	}
	each := requests / len(p.clients)
	failed := make([]error, len(p.clients))
	var done sync.WaitGroup
	for i, c := range p.clients {
		done.Go(func() {
			for range each {
				if failed[i] = k.send(c, ctx); failed[i] != nil {
					return
				}
			}
		})
	}
	done.Wait()
	if err := errors.Join(failed...); err != nil {
		return 0, p.withLog(err)
	}
	after, err := p.cpuTime()
	return (after - before) / time.Duration(each*len(p.clients)), err
}
