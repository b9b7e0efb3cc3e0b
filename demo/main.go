// Command demo shows session affinity at work: it starts real Socket.IO nodes and
// one Caddy or several in front of them, and serves a page that shows, live, which
// node each session talks to. `make demo` builds what it needs and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const (
	// startLimit is how long a program may take until it is ready.
	startLimit = 30 * time.Second
	// stopGrace is how long a program may take to end by itself.
	stopGrace = 3 * time.Second
	// keptOutput is how many bytes of a program's output are kept, to explain an
	// unexpected end.
	keptOutput = 16 << 10
)

func main() {
	v := define(flag.CommandLine)
	flag.Parse()

	// The signals stay caught until the end, so that pressing Ctrl-C twice does
	// not end the demo before its children.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, v, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// run starts everything, says where the page is, and returns when ctx ends or a
// proxy or Redis does. Whatever happens, it leaves no child and no file behind.
func run(ctx context.Context, v *values, out io.Writer) error {
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	o, err := v.options()
	if err != nil {
		return err
	}
	err = serve(ctx, o, out)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		fmt.Fprintln(out, "\nEverything is stopped.")
		return nil
	}
	return err
}

func serve(ctx context.Context, o options, out io.Writer) error {
	c := newCluster(o, out)
	defer c.stop()
	if err := c.start(ctx); err != nil {
		return err
	}
	fmt.Fprintf(out, `
%s.

  Open   %s
  Try    curl -s 'localhost:%d/socket.io/?EIO=4&transport=polling'

Ctrl-C stops everything.
`, o.summary(), c.page.pageURL(), c.page.port)

	select {
	case <-ctx.Done():
		return nil
	case p := <-c.ended:
		return p.Err()
	}
}
