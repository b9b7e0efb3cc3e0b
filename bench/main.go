// Command bench has several proxies do the same work, and measures what it costs:
// CPU time and latency of requests and messages, memory of idle sessions, and what
// happens when all nodes restart. It writes docs/performance.md, unless it is told
// to measure only a part.
//
// Each system has processes of its own, whose CPU time the kernel counts. That time,
// unlike the time on the wall, hardly depends on what else the machine does. The
// systems take turns, round by round, and each round starts with another one. The
// clients and the nodes are in this program, not in the measured ones. Every reply
// is checked.
//
// It needs Linux, and bin/caddy and bin/traefik.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/eio-affinity/affinity/bench/engineio"
	"github.com/eio-affinity/affinity/bench/report"
	"github.com/eio-affinity/affinity/bench/systems"
	"github.com/eio-affinity/affinity/bench/work"
)

// all has the systems, in the order of the tables.
var all = []systems.System{
	systems.CaddyPlain, systems.CaddyCookie, systems.CaddyAffinity,
	systems.TraefikPlain, systems.TraefikEmpty, systems.TraefikAffinity,
	systems.Nginx, systems.HAProxy, systems.Apache,
}

// options is what the command line says.
type options struct {
	rounds, requests, clients int
	idle                      string
	storm                     int
	only, systems, kinds      string
	rewrite                   bool
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 21, "measure each system this many times")
	flag.IntVar(&o.requests, "requests", 1400, "requests of a round, of each kind")
	flag.IntVar(&o.clients, "clients", 8, "clients that send at a time")
	flag.IntVar(&o.storm, "storm", 5000, "clients when all nodes restart")
	flag.StringVar(&o.idle, "idle", "2000,5000", "numbers of idle sessions")
	flag.StringVar(&o.only, "only", "", "measure only requests, upstreams, memory or storm, and print it")
	flag.StringVar(&o.systems, "systems", "", "measure only systems whose names have one of these parts, separated by commas, and print it")
	flag.StringVar(&o.kinds, "kinds", "", "measure only kinds of requests whose names have one of these parts, and print it")
	flag.BoolVar(&o.rewrite, "rewrite", false, "measure nothing, and write the document again, from what was measured last")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures what the options say, and writes it.
func run(ctx context.Context, o options) error {
	if o.rounds < 1 || o.clients < 1 || o.requests < o.clients || o.storm < 1 {
		return errors.New("there must be at least one round, one client, and one request for each client")
	}
	if o.rewrite {
		results, err := report.Load()
		if err != nil {
			return err
		}
		return results.Write()
	}
	chosen := slices.DeleteFunc(slices.Clone(all), func(s systems.System) bool { return !selected(o.systems, s.Name) })
	kinds := slices.DeleteFunc(slices.Clone(work.Kinds), func(k work.Kind) bool { return !selected(o.kinds, k.Name) })
	results := report.Results{Machine: machine(ctx), Command: "make bench", Rounds: o.rounds}
	parts := []struct {
		name    string
		measure func() error
	}{
		{"requests", func() (err error) { results.Requests, err = measureRequests(ctx, o, chosen, kinds); return err }},
		{"upstreams", func() (err error) { results.Upstreams, err = measureUpstreams(ctx, o, chosen); return err }},
		{"memory", func() (err error) { results.Memory, err = measureMemory(ctx, o, chosen); return err }},
		{"storm", func() (err error) { results.Storms, err = measureStorms(ctx, o, chosen); return err }},
	}
	for _, part := range parts {
		if o.only == "" || o.only == part.name {
			if err := part.measure(); err != nil {
				return fmt.Errorf("measuring %s: %w", part.name, err)
			}
		}
	}
	if o.only != "" || o.systems != "" || o.kinds != "" {
		_, err := fmt.Println(results.Tables())
		return err
	}
	return results.Write()
}

// selected reports whether a name has one of the parts of a list, or the list is
// empty.
func selected(list, name string) bool {
	return list == "" || slices.ContainsFunc(strings.Split(list, ","), func(part string) bool { return strings.Contains(name, part) })
}

// progress says what is measured.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "    "+format+"\n", args...)
}

// withNodes calls do with nodes that run.
func withNodes(do func([]*engineio.Node) error) error {
	nodes, err := engineio.StartNodes("abc", "1")
	if err != nil {
		return err
	}
	defer func() { engineio.StopNodes(nodes) }()
	return do(nodes)
}
