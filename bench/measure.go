package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/eio-affinity/affinity/bench/engineio"
	"github.com/eio-affinity/affinity/bench/report"
	"github.com/eio-affinity/affinity/bench/systems"
	"github.com/eio-affinity/affinity/bench/work"
)

// measureRequests has all systems take turns at each kind of requests.
func measureRequests(ctx context.Context, o options, chosen []systems.System, kinds []work.Kind) (measured []report.Requests, err error) {
	err = withNodes(func(nodes []*engineio.Node) error {
		measured, err = takeTurns(ctx, o, chosen, kinds, engineio.Addresses(nodes))
		return err
	})
	return measured, err
}

// takeTurns has the systems in front of nodes take turns at each kind of requests.
func takeTurns(ctx context.Context, o options, chosen []systems.System, kinds []work.Kind, addresses []string) (measured []report.Requests, err error) {
	var running []*systems.Running
	defer func() { stop(running) }()
	for _, s := range chosen {
		r, err := s.Start(ctx, addresses, false)
		if err != nil {
			return nil, err
		}
		running = append(running, r)
	}
	for _, kind := range kinds { // one after another, so that none pays for another's garbage
		rounds := make([]report.Requests, len(running))
		for i, r := range running {
			rounds[i] = report.Requests{Kind: kind.Name, System: r.System.Name, Floor: r.System.Floor}
		}
		for round := range o.rounds {
			progress("%s, round %d of %d", kind.Name, round+1, o.rounds)
			for i := range running {
				turn := (i + round) % len(running)
				taken, err := kind.Requests(ctx, running[turn], o.clients, o.requests)
				if err != nil {
					return nil, fmt.Errorf("%s through %s: %w", kind.Name, running[turn].System.Name, err)
				}
				rounds[turn].Rounds = append(rounds[turn].Rounds, taken)
			}
		}
		measured = append(measured, rounds...)
	}
	return measured, nil
}

// measureUpstreams has Caddy's policies take turns with more and more upstreams.
func measureUpstreams(ctx context.Context, o options, chosen []systems.System) (measured []report.Upstreams, err error) {
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(s systems.System) bool { return !s.UnixSockets })
	if len(chosen) == 0 {
		return nil, nil
	}
	kinds := slices.DeleteFunc(slices.Clone(work.Kinds), func(k work.Kind) bool { return k.Name != work.Poll && k.Name != work.Handshake })
	for _, upstreams := range []int{3, 100, 1000} {
		progress("%d upstreams", upstreams)
		err := withManyAddresses(upstreams, func(addresses []string) error {
			requests, err := takeTurns(ctx, o, chosen, kinds, addresses)
			measured = append(measured, report.Upstreams{Count: upstreams, Requests: requests})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%d upstreams: %w", upstreams, err)
		}
	}
	return measured, nil
}

// withManyAddresses calls do with this many addresses of one node: links to its Unix
// socket.
func withManyAddresses(count int, do func(addresses []string) error) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	socket := filepath.Join(dir, "node")
	node, err := engineio.StartNode("a", "1", "unix/"+socket)
	if err != nil {
		return err
	}
	defer node.Stop()
	addresses := make([]string, count)
	for i := range addresses {
		link := filepath.Join(dir, strconv.Itoa(i))
		if err := os.Symlink(socket, link); err != nil {
			return err
		}
		addresses[i] = "unix/" + link
	}
	return do(addresses)
}

// measureMemory opens idle sessions through each system, which is started for them.
func measureMemory(ctx context.Context, o options, chosen []systems.System) (measured []report.Memory, err error) {
	for text := range strings.SplitSeq(o.idle, ",") {
		sessions, err := strconv.Atoi(text)
		if err != nil || sessions < 1 {
			return nil, fmt.Errorf("idle %q: must be numbers of at least 1, separated by commas", o.idle)
		}
		for _, transport := range []work.Transport{work.WebSocket, work.Polling} {
			for _, tls := range []bool{false, true} {
				for _, s := range chosen {
					if tls && s.NoTLS || s.MaxIdle > 0 && sessions > s.MaxIdle {
						continue
					}
					progress("%d idle sessions over %s, HTTPS %t: %s", sessions, transport, tls, s.Name)
					memory, err := idleSessions(ctx, s, transport, tls, sessions)
					if err != nil {
						return nil, fmt.Errorf("%s: %w", s.Name, err)
					}
					measured = append(measured, report.Memory{System: s.Name, Floor: s.Floor, Transport: transport, TLS: tls, Sessions: sessions, Memory: memory})
				}
			}
		}
	}
	return measured, nil
}

// idleSessions measures one system.
func idleSessions(ctx context.Context, s systems.System, transport work.Transport, tls bool, sessions int) (memory work.Memory, err error) {
	err = withNodes(func(nodes []*engineio.Node) error {
		r, err := s.Start(ctx, engineio.Addresses(nodes), tls)
		if err != nil {
			return err
		}
		defer r.Stop()
		memory, err = work.IdleSessions(ctx, r, transport, sessions)
		return err
	})
	return memory, err
}

// measureStorms restarts all nodes behind one proxy, and behind two.
func measureStorms(ctx context.Context, o options, chosen []systems.System) (measured []report.Storm, err error) {
	for _, s := range chosen {
		if s.Cookies {
			continue // the clients are WebSockets, for which a cookie changes nothing
		}
		for _, proxies := range []int{1, 2} {
			progress("all nodes restarted under %d clients: %s, %d at a time", o.storm, s.Name, proxies)
			storm, err := restart(ctx, s, proxies, o.storm)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.Name, err)
			}
			measured = append(measured, report.Storm{System: s.Name, Proxies: proxies, Storm: storm})
		}
	}
	return measured, nil
}

// restart measures one restart.
func restart(ctx context.Context, s systems.System, proxies, clients int) (storm work.Storm, err error) {
	err = withNodes(func(nodes []*engineio.Node) error {
		var running []*systems.Running
		defer func() { stop(running) }()
		for range proxies {
			r, err := s.Start(ctx, engineio.Addresses(nodes), false)
			if err != nil {
				return err
			}
			running = append(running, r)
		}
		storm, err = work.Restart(ctx, running, nodes, clients)
		return err
	})
	return storm, err
}

// stop stops systems.
func stop(running []*systems.Running) {
	for _, r := range running {
		r.Stop()
	}
}
