package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// endpoint is where Caddy listens.
type endpoint struct {
	port int
	ipv6 bool // on [::1] too, which "localhost" can mean
}

func (e endpoint) pageURL() string { return fmt.Sprintf("http://localhost:%d/", e.port) }

// chooseEndpoint takes the wanted port if it is free, else any free one.
func chooseEndpoint(port int, out io.Writer) (endpoint, error) {
	e := endpoint{port: port, ipv6: local.IsFree("::1", 0) == nil}
	if port != 0 {
		err := e.free()
		if err == nil {
			return e, nil
		}
		fmt.Fprintf(out, "Port %d is busy (%v), taking a free one.\n", port, err)
	}
	for range 100 {
		var err error
		if e.port, err = local.FreePort("127.0.0.1"); err != nil {
			return e, err
		}
		if e.free() == nil {
			return e, nil
		}
	}
	return e, errors.New("finding a free port")
}

// free returns an error if Caddy cannot listen on every address of the endpoint.
func (e endpoint) free() error {
	if err := local.IsFree("127.0.0.1", e.port); err != nil || !e.ipv6 {
		return err
	}
	return local.IsFree("::1", e.port)
}

// site is what the demo's Caddyfile serves.
type site struct {
	endpoint
	control string   // address of the control API
	nodes   []string // addresses of the Socket.IO nodes
	page    string   // directory of the page
	client  string   // directory of the stock Socket.IO client
}

// caddyfile is the whole configuration. The line that this module is about is
// the one that starts with socketio.
func (s site) caddyfile() string {
	bind := "127.0.0.1"
	if s.ipv6 {
		bind += " [::1]"
	}
	return fmt.Sprintf(`{
	admin off
	persist_config off
	grace_period 1s
}

http://localhost:%d, http://127.0.0.1:%d {
	bind %s
	socketio /socket.io/* %s
	reverse_proxy /demo/* %s
	handle_path /client/* {
		root "%s"
		file_server
	}
	root "%s"
	file_server
}
`, s.port, s.port, bind, strings.Join(s.nodes, " "), s.control, s.client, s.page)
}

// startCaddy starts Caddy with a configuration and a home in temp, so that it
// neither reads nor leaves anything in the user's own.
func startCaddy(program, temp string, s site) (*local.Process, error) {
	config := filepath.Join(temp, "Caddyfile")
	if err := os.WriteFile(config, []byte(s.caddyfile()), 0o600); err != nil {
		return nil, fmt.Errorf("writing the Caddyfile: %w", err)
	}
	p, err := local.Start(local.Options{
		Name: "caddy",
		Args: []string{program, "run", "--config", config, "--adapter", "caddyfile"},
		Dir:  temp,
		Env: []string{
			"HOME=" + temp,
			"XDG_CONFIG_HOME=" + filepath.Join(temp, "config"),
			"XDG_DATA_HOME=" + filepath.Join(temp, "data"),
		},
		KeepOutput: keptOutput,
	})
	if err != nil {
		return nil, fmt.Errorf("%w (build it with: make build)", err)
	}
	return p, nil
}
