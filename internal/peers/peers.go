// Package peers starts the systems that people put in front of several Socket.IO nodes,
// this module's among them, each with the configuration that Socket.IO's page
// "Using multiple nodes" gives for it.
package peers

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// System is a way to bring the requests of a session to the node that opened it.
type System struct {
	// Name is short, without spaces, as on a command line.
	Name string
	// Title is what a table calls it: the program, and what it goes by.
	Title [2]string
	// Program is the name of its program in [Versions].
	Program string
	// Config is the name of its file in configs/. A cluster has none.
	Config string
	// Ours says that this module is in it.
	Ours bool
	// Refusal is what a program writes that refuses its configuration, where not
	// every edition of it has what is in it. Default: every edition has.
	Refusal string
	// NodeFlags are flags that the nodes need, of testdata/socketio/node.js.
	NodeFlags []string
	// Headers are what clients have to send, as a proxy in front of it would.
	Headers map[string]string
	// Workers says that its nodes are its own workers, not servers of their own.
	Workers bool
	// Lacks has what it cannot do, with the reason.
	Lacks map[Ability]string
	// WithCookie is the same system with its option that brings a client that
	// reconnects back to its node. Default: it has no such option.
	WithCookie *System

	host host
}

// Ability is something that a system may be able to do.
type Ability string

// What a system may lack.
const (
	Reloading Ability = "reload"
	Growing   Ability = "add a node"
	Replicas  Ability = "several replicas"
)

// Site is what a system serves.
type Site struct {
	// Nodes are the addresses of the nodes, host:port. A system with workers of its
	// own has none.
	Nodes []string
	// Workers is how many workers a system with workers of its own starts, and
	// WorkerFlags are theirs, of testdata/socketio/node.js.
	Workers     int
	WorkerFlags []string
}

// host is a kind of program.
type host interface {
	// configure writes the configuration of this generation into r's directory, and
	// returns the command that starts the program.
	configure(r *Running) ([]string, error)
	// ready reports whether the program has started, given the status of its reply.
	ready(r *Running, status int) bool
	// reload makes the running program use what configure has written, and returns
	// once it does.
	reload(ctx context.Context, r *Running) error
}

// Running is a system that has been started.
type Running struct {
	*local.Process
	System *System
	Site   Site
	URL    string // without a path

	dir        string
	address    string // host:port
	admin      string // host:port, where the program has such an endpoint
	generation int    // of the configuration
	workers    workers
}

// Limit is how long a system may take until it answers, or has reloaded.
const Limit = 30 * time.Second

//go:embed configs
var configs embed.FS

// ErrLacks is returned when a system is asked for what it cannot do.
var ErrLacks = errors.New("this system cannot do that")

// ErrRefused is returned when the program that is installed refuses the system's
// configuration as one for another edition of it.
var ErrRefused = errors.New("refused")

// Start starts the system on a free port of 127.0.0.1, and returns once it answers.
// It ends with this process at the latest.
func (s *System) Start(ctx context.Context, site Site) (*Running, error) {
	r := &Running{System: s, Site: site}
	if err := r.start(ctx); err != nil {
		r.Stop()
		return nil, fmt.Errorf("starting %s: %w", s.Name, err)
	}
	return r, nil
}

func (r *Running) start(ctx context.Context) error {
	var err error
	if r.dir, err = os.MkdirTemp("", "peer-"); err != nil {
		return err
	}
	// Programs that root starts do not stay root.
	if err = os.Chmod(r.dir, 0o755); err != nil { //nolint:gosec // nothing in it is secret
		return err
	}
	if r.address, err = local.FreeAddress(); err != nil {
		return err
	}
	if r.admin, err = local.FreeAddress(); err != nil {
		return err
	}
	r.URL = "http://" + r.address
	args, err := r.System.host.configure(r)
	if err != nil {
		return err
	}
	options := local.Options{
		Name: r.System.Name, Args: args, Dir: r.dir, OnLine: r.workers.readLine,
		Env: []string{"HOME=" + r.dir, "XDG_DATA_HOME=" + r.dir, "XDG_CONFIG_HOME=" + r.dir},
	}
	// The workers of a cluster get commands on standard input, and end with it.
	options.Supervise = !r.System.Workers
	if r.Process, err = local.Start(options); err != nil {
		return err
	}
	err = r.WaitUntil(ctx, Limit, "it answers at "+r.URL, func() bool {
		return r.System.host.ready(r, r.status(ctx, "/health"))
	})
	if refusal := r.System.Refusal; err != nil && refusal != "" && r.Output.Count(refusal) > 0 {
		return fmt.Errorf("%w: %s", ErrRefused, refusal)
	}
	return err
}

// Reload has the system load its configuration again while it serves, and returns once
// it has.
func (r *Running) Reload(ctx context.Context) error { return r.change(ctx, Reloading, r.Site.Nodes) }

// AddNode adds the node at an address, host:port, while the system serves. Of a system
// with workers of its own, it starts one more.
func (r *Running) AddNode(ctx context.Context, address string) error {
	return r.change(ctx, Growing, append(slices.Clone(r.Site.Nodes), address))
}

func (r *Running) change(ctx context.Context, ability Ability, nodes []string) error {
	if reason := r.System.Lacks[ability]; reason != "" {
		return fmt.Errorf("%w: %s", ErrLacks, reason)
	}
	r.generation++
	r.Site.Nodes = nodes
	if _, err := r.System.host.configure(r); err != nil {
		return err
	}
	if err := r.System.host.reload(ctx, r); err != nil {
		return fmt.Errorf("reloading %s: %w", r.System.Name, err)
	}
	return nil
}

// Stop ends the system and removes its files. It can be called twice.
func (r *Running) Stop() {
	if r.Process != nil {
		r.Process.Stop(2 * time.Second)
		r.Kill() // what the program has left behind
	}
	_ = os.RemoveAll(r.dir)
}

// Address returns where the system listens, host:port.
func (r *Running) Address() string { return r.address }

// status returns the status of a reply to GET, or 0.
func (r *Running) status(ctx context.Context, path string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, http.NoBody)
	if err != nil {
		return 0
	}
	for name, value := range r.System.Headers {
		req.Header.Set(name, value)
	}
	resp, err := impatient.Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// impatient opens a connection for each request, so that it reaches the processes that
// serve now.
var impatient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// logged sends a signal until the program writes a part of a line, once more than before:
// HAProxy's master loses a signal that comes while it still starts.
func (r *Running) logged(ctx context.Context, signal os.Signal, part string) error {
	const again = 3 * time.Second
	before := r.Output.Count(part)
	var sent time.Time
	var failed error
	err := r.WaitUntil(ctx, Limit, "it logs "+part, func() bool {
		if time.Since(sent) > again {
			sent, failed = time.Now(), r.Signal(signal)
		}
		return failed != nil || r.Output.Count(part) > before
	})
	return errors.Join(failed, err)
}

// write writes a file of the system's directory.
func (r *Running) write(name string, text []byte) error {
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, text, 0o644); err != nil { //nolint:gosec // nothing in it is secret
		return fmt.Errorf("configuring %s: %w", r.System.Name, err)
	}
	return nil
}
