// Command demo shows session affinity at work: it starts real Socket.IO nodes
// and one Caddy in front of them, and serves a page that shows, live, which node each
// session talks to. `make demo` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// options are the command line's.
type options struct {
	caddy string
	port  int
	nodes int
}

const (
	// maxNodes is how many colours the page has.
	maxNodes = 6
	// startLimit is how long a program may take until it is ready.
	startLimit = 30 * time.Second
	// stopGrace is how long a program may take to end by itself.
	stopGrace = 3 * time.Second
	// keptOutput is how many bytes of a program's output are kept, to explain an
	// unexpected end.
	keptOutput = 16 << 10
)

func main() {
	var o options
	flag.StringVar(&o.caddy, "caddy", filepath.Join("bin", "caddy"), "the Caddy `program`, built with this module")
	flag.IntVar(&o.port, "port", 8080, "the `port` of the page; a free one is taken when it is busy")
	flag.IntVar(&o.nodes, "nodes", 3, fmt.Sprintf("how `many` Socket.IO nodes to start, 1 to %d", maxNodes))
	flag.Parse()

	// The signals stay caught until the end, so that pressing Ctrl-C twice does
	// not end the demo before its children.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, says where the page is, and returns when ctx ends or
// Caddy does. Whatever happens, it leaves no child and no file behind.
func run(ctx context.Context, o options, out io.Writer) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	if o.nodes < 1 || o.nodes > maxNodes {
		return fmt.Errorf("-nodes is 1 to %d, not %d", maxNodes, o.nodes)
	}
	err := serve(ctx, o, out)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		fmt.Fprintln(out, "\nEverything is stopped.")
		return nil
	}
	return err
}

func serve(ctx context.Context, o options, out io.Writer) error {
	root, err := local.Root()
	if err != nil {
		return err
	}
	caddyProgram, err := filepath.Abs(o.caddy)
	if err != nil {
		return fmt.Errorf("resolving -caddy: %w", err)
	}
	temp, err := os.MkdirTemp("", "affinity-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for Caddy: %w", err)
	}
	defer os.RemoveAll(temp)

	nodes := newNodes(root, o.nodes, out)
	defer nodes.stopAll()
	if err := nodes.startAll(ctx); err != nil {
		return err
	}

	control, err := listenControl(nodes)
	if err != nil {
		return err
	}
	defer control.close()

	endpoint, err := chooseEndpoint(o.port, out)
	if err != nil {
		return err
	}
	caddy, err := startCaddy(caddyProgram, temp, site{
		endpoint: endpoint,
		control:  control.address(),
		nodes:    nodes.addresses(),
		page:     filepath.Join(root, "demo", "page"),
		client:   filepath.Join(root, "testdata", "socketio", "node_modules", "socket.io-client", "dist"),
	})
	if err != nil {
		return err
	}
	defer caddy.Stop(stopGrace)
	if err := waitForPage(ctx, endpoint.pageURL(), caddy); err != nil {
		return err
	}

	fmt.Fprintf(out, `
%d Socket.IO nodes are running behind one Caddy.

  Open   %s
  Try    curl -s 'localhost:%d/socket.io/?EIO=4&transport=polling'

Ctrl-C stops everything.
`, o.nodes, endpoint.pageURL(), endpoint.port)

	select {
	case <-ctx.Done():
		return nil
	case <-caddy.Exited():
		return caddy.Err()
	}
}

// waitForPage returns once Caddy serves the page.
func waitForPage(ctx context.Context, url string, caddy *local.Process) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	for {
		if answers(ctx, client, url) {
			return nil
		}
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-caddy.Exited():
			return caddy.Err()
		case <-limit.C:
			return fmt.Errorf("waiting for Caddy to serve %s: no page after %s\n%s", url, startLimit, caddy.Output.LastLines(20))
		}
	}
}

func answers(ctx context.Context, client *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
