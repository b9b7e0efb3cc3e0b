package main

import (
	"context"
	"fmt"
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
		var running []*systems.Running
		defer func() { stop(running) }()
		for _, s := range chosen {
			r, err := s.Start(ctx, engineio.Addresses(nodes), false)
			if err != nil {
				return err
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
						return fmt.Errorf("%s through %s: %w", kind.Name, running[turn].System.Name, err)
					}
					rounds[turn].Rounds = append(rounds[turn].Rounds, taken)
				}
			}
			measured = append(measured, rounds...)
		}
		return nil
	})
	return measured, err
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
					if tls && s.NoTLS {
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
