// Command traefikcost measures what the Traefik plugin costs: the CPU time that
// a real Traefik takes for a request, with three configurations side by side:
//
//	none      no plugin; the client sends Traefik's sticky cookie itself
//	empty     a plugin that does nothing but call the next handler, which is what
//	          the interpreter itself costs
//	affinity  this module's plugin; the client has no cookie
//
// and for two kinds of requests: polls of sessions that are open, and
// handshakes.
//
// Each configuration has a Traefik process of its own, so that the kernel counts
// its CPU time separately, in nanoseconds. That time, unlike the time on the wall,
// hardly depends on what else the machine does. The configurations take turns,
// round by round, and the median of the rounds counts. The clients and the two
// nodes are in this program, not in the measured ones: the nodes answer at
// once, with what a stock Socket.IO node answers.
//
// Every reply is checked. A poll that reaches the wrong node, or one of which
// the node sees the tag, ends the run.
//
// Run it in the project's folder, where bin/traefik is. It needs Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var opts options
	flag.StringVar(&opts.traefik, "traefik", "bin/traefik", "the Traefik to measure")
	flag.IntVar(&opts.rounds, "rounds", 15, "measure each configuration this many times")
	flag.IntVar(&opts.requests, "requests", 2000, "requests of a round, of each kind")
	flag.IntVar(&opts.clients, "clients", 8, "clients at a time, each with a connection of its own")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, opts)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "traefikcost:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	traefik  string
	rounds   int
	requests int
	clients  int
}

// run starts everything, measures, and prints the table.
func run(ctx context.Context, opts options) error {
	if opts.rounds < 1 || opts.clients < 1 || opts.requests < opts.clients {
		return errors.New("there is to be at least one round, one client, and one request for each client")
	}
	nodes := startNodes(2)
	defer stopNodes(nodes)

	var peers []*peer
	defer func() {
		for _, p := range peers {
			p.stop()
		}
	}()
	for _, c := range configurations {
		p, err := startPeer(ctx, c, opts, nodes)
		if err != nil {
			return fmt.Errorf("starting Traefik with %s: %w", c.title, err)
		}
		peers = append(peers, p)
	}

	costs := make(costs)
	for _, kind := range kinds { // one after the other, so that none pays for another's garbage
		for round := 0; round <= opts.rounds; round++ {
			for i := range peers {
				// The first one in a round is a later one in the next.
				p := peers[(i+round)%len(peers)]
				cost, err := p.measure(ctx, kind, opts.requests)
				if err != nil {
					return fmt.Errorf("%s with %s: %w", kind.title, p.title, err)
				}
				if round > 0 { // the first one warms up
					costs.add(kind, p.title, cost)
				}
			}
		}
	}
	fmt.Printf("CPU time of Traefik for one request, in microseconds: medians of %d rounds of %d requests\n\n%s",
		opts.rounds, opts.requests, costs)
	return nil
}
