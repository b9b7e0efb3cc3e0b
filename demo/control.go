package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"
)

// controlHandler is the API behind the page's buttons:
//
//	GET  /demo/cluster                 what runs
//	POST /demo/nodes/{name}/stop       stop a node
//	POST /demo/nodes/{name}/start      start it again, on the port it had
//	POST /demo/nodes/{name}/drain      have all proxies drain a node
//	POST /demo/nodes/{name}/undrain    have them end that
//	POST /demo/nodes/{name}/broadcast  have a node send news to all clients
//
// Each answers with the state of everything. It can stop processes, so no other
// site may call it: a browser's cross-site POST is refused, and so is a Host
// that is not this machine (a name that resolves to 127.0.0.1).
func controlHandler(c *cluster) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /demo/cluster", func(w http.ResponseWriter, r *http.Request) {
		writeState(w, r, c)
	})
	change := func(do func(context.Context, *node) error) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			n := c.nodes.named(r.PathValue("name"))
			if n == nil {
				http.Error(w, "no such node", http.StatusNotFound)
				return
			}
			// A page that is closed meanwhile does not leave the node half started.
			if err := do(context.WithoutCancel(r.Context()), n); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			writeState(w, r, c)
		}
	}
	mux.HandleFunc("POST /demo/nodes/{name}/stop", change(func(_ context.Context, n *node) error {
		n.stop()
		return nil
	}))
	mux.HandleFunc("POST /demo/nodes/{name}/start", change(func(ctx context.Context, n *node) error {
		return n.start(ctx)
	}))
	mux.HandleFunc("POST /demo/nodes/{name}/drain", change(func(ctx context.Context, n *node) error {
		return c.drain(ctx, n, true)
	}))
	mux.HandleFunc("POST /demo/nodes/{name}/undrain", change(func(ctx context.Context, n *node) error {
		return c.drain(ctx, n, false)
	}))
	mux.HandleFunc("POST /demo/nodes/{name}/broadcast", change(func(ctx context.Context, n *node) error {
		return n.broadcast(ctx)
	}))
	return localOnly(http.NewCrossOriginProtection().Handler(mux))
}

// localOnly refuses requests whose Host does not name this machine.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		switch host {
		case "localhost", "127.0.0.1", "::1", "[::1]":
			next.ServeHTTP(w, r)
		default:
			http.Error(w, "the demo is for this machine only", http.StatusForbidden)
		}
	})
}

func (all nodes) named(name string) *node {
	for _, n := range all {
		if n.name == name {
			return n
		}
	}
	return nil
}

func writeState(w http.ResponseWriter, r *http.Request, c *cluster) {
	state, err := c.state(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// The client may have gone, so the error is ignored.
	_ = json.NewEncoder(w).Encode(state)
}

// control is the API's server, on a loopback port that Caddy proxies to.
type control struct {
	server   *http.Server
	listener net.Listener
}

func listenControl(c *cluster) (*control, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the page's buttons: %w", err)
	}
	server := &http.Server{Handler: controlHandler(c), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return &control{server: server, listener: listener}, nil
}

func (c *control) address() string { return c.listener.Addr().String() }

func (c *control) close() { _ = c.server.Close() }
