// Package systems starts the proxies that the benchmark measures, each with one
// configuration.
package systems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/engineio"
	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// System is a proxy with a configuration.
type System struct {
	// Name is how the tables call it.
	Name string

	// Floor is the name of the system that it is compared with: the same proxy
	// without what keeps sessions.
	Floor string

	// Cookies reports whether its clients have to keep cookies.
	Cookies bool

	// AnyNode reports whether it sends the requests of a session to any node, so that
	// every node has to answer them.
	AnyNode bool

	// NoTLS reports that it is not measured over HTTPS.
	NoTLS bool

	// UnixSockets reports whether its nodes may have addresses of Unix sockets.
	UnixSockets bool

	// MaxIdle is how many idle sessions it can hold as it is configured. Default: any
	// number.
	MaxIdle int

	// NodeCookie reports whether the nodes have to set a cookie for it.
	NodeCookie bool

	// configure writes its configuration. peer is set instead for a system that
	// `make compare` runs too.
	configure func(*site) (command, error)
	peer      string
}

// site is what a system serves.
type site struct {
	dir     string // an empty folder for its files
	address string // where it listens, host:port
	debug   string // where its pprof endpoint listens, if it has one
	tls     bool
	nodes   []string // host:port
}

// command is how a configured system is started.
type command struct {
	args, env []string
	// debug reports whether it has a pprof endpoint.
	debug bool
}

// Running is a system that runs.
type Running struct {
	*local.Process
	System  System
	Address string // host:port
	TLS     bool

	debug string
	dir   string
	peer  *peers.Running
}

// Start starts a system in front of nodes, and returns once it answers.
func (s System) Start(ctx context.Context, nodes []string, tls bool) (*Running, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	r := &Running{System: s, TLS: tls, dir: dir}
	if err := r.start(ctx, nodes); err != nil {
		err = fmt.Errorf("starting %s: %w", s.Name, r.WithLog(err))
		r.Stop()
		return nil, err
	}
	return r, nil
}

func (r *Running) start(ctx context.Context, nodes []string) error {
	if r.System.peer != "" {
		return r.startPeer(ctx, nodes)
	}
	var err error
	if r.Address, err = local.FreeAddress(); err != nil {
		return err
	}
	debug, err := local.FreeAddress()
	if err != nil {
		return err
	}
	c, err := r.System.configure(&site{dir: r.dir, address: r.Address, debug: debug, tls: r.TLS, nodes: nodes})
	if err != nil {
		return err
	}
	if c.debug {
		r.debug = debug
	}
	env := append([]string{"HOME=" + r.dir, "XDG_DATA_HOME=" + r.dir, "XDG_CONFIG_HOME=" + r.dir}, c.env...)
	// Supervised, so that it does not outlive this program if that is killed.
	if r.Process, err = local.Start(local.Options{Name: r.System.Name, Args: c.args, Env: env, Dir: r.dir, Supervise: true}); err != nil {
		return err
	}
	return r.awaitReady(ctx)
}

// Client returns the options of a client of this protocol version.
func (r *Running) Client(version int) engineio.Options {
	return engineio.Options{Address: r.Address, TLS: r.TLS, Version: version, Cookies: r.System.Cookies, AnyNode: r.System.AnyNode, NodeCookie: r.System.NodeCookie}
}

// awaitReady waits until the system opens sessions.
func (r *Running) awaitReady(ctx context.Context) error {
	const patience, pause = 60 * time.Second, 50 * time.Millisecond
	client := engineio.NewClient(r.Client(4))
	defer client.Close()
	var err error
	for began := time.Now(); time.Since(began) < patience && ctx.Err() == nil && r.Running(); time.Sleep(pause) {
		if err = client.Handshake(ctx); err == nil {
			return nil
		}
	}
	return errors.Join(ctx.Err(), errors.New("it opens no session"), err)
}

// Stop ends the system and removes its files.
func (r *Running) Stop() {
	if r.peer != nil {
		r.peer.Stop()
	} else if r.Process != nil {
		r.Kill()
	}
	_ = os.RemoveAll(r.dir)
}

// WithLog adds the system's log to an error.
func (r *Running) WithLog(err error) error {
	if r.Process == nil {
		return err
	}
	return fmt.Errorf("%w\n%s", err, strings.TrimSpace(r.Output.LastLines(20)))
}

// program returns the path of a program that make has built.
func program(name string) (string, error) {
	root, err := local.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no bin/%s: run make build traefik", name)
	}
	return path, nil
}
