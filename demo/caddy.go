package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// site is what the proxies serve, all of them the same.
type site struct {
	secret  string   // "": none, as a proxy needs that is alone
	control string   // address of the control API
	nodes   []string // addresses of the Socket.IO nodes
	page    string   // directory of the page
	client  string   // directory of the stock Socket.IO client
}

// proxy is one Caddy.
type proxy struct {
	name string
	endpoint
	dir    string // its own
	socket string // of its admin API
	admin  *admin
	*local.Process
}

// newProxy returns the proxy of this number, which is to be started.
func newProxy(number int, temp string, at endpoint) *proxy {
	name := strconv.Itoa(number)
	dir := filepath.Join(temp, "proxy"+name)
	socket := filepath.Join(dir, "admin.sock")
	return &proxy{name: name, endpoint: at, dir: dir, socket: socket, admin: newAdmin(socket)}
}

// caddyfile is the whole configuration of a proxy. The line that this module is
// about is the one that starts with socketio. Server-Timing tells the page which
// proxy a request went through.
func (s site) caddyfile(p *proxy) string {
	bind := "127.0.0.1"
	if p.ipv6 {
		bind += " [::1]"
	}
	var options string
	if s.secret != "" {
		options = fmt.Sprintf(" {\n\t\tsecret %s\n\t}", s.secret)
	}
	return fmt.Sprintf(`{
	admin "unix/%s"
	persist_config off
	grace_period 1s
}

http://localhost:%d, http://127.0.0.1:%d {
	bind %s
	header /socket.io/* Server-Timing "proxy;desc=%s"
	socketio /socket.io/* %s%s
	reverse_proxy /demo/* %s
	handle_path /client/* {
		root "%s"
		file_server
	}
	root "%s"
	file_server
}
`, p.socket, p.port, p.port, bind, p.name, strings.Join(s.nodes, " "), options, s.control, s.client, s.page)
}

// start starts Caddy with a configuration and a home in a directory of its own, so
// that it neither reads nor leaves anything in the user's.
func (p *proxy) start(program string, s site) error {
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return fmt.Errorf("making a directory for Caddy: %w", err)
	}
	config := filepath.Join(p.dir, "Caddyfile")
	if err := os.WriteFile(config, []byte(s.caddyfile(p)), 0o600); err != nil {
		return fmt.Errorf("writing the Caddyfile: %w", err)
	}
	var err error
	p.Process, err = local.Start(local.Options{
		Name: "caddy",
		Args: []string{program, "run", "--config", config, "--adapter", "caddyfile"},
		Dir:  p.dir,
		Env: []string{
			"HOME=" + p.dir,
			"XDG_CONFIG_HOME=" + filepath.Join(p.dir, "config"),
			"XDG_DATA_HOME=" + filepath.Join(p.dir, "data"),
		},
		KeepOutput: keptOutput,
	})
	if err != nil {
		return fmt.Errorf("%w (build it with: make build)", err)
	}
	return nil
}

// waitForPage returns once the proxy serves the page.
func (p *proxy) waitForPage(ctx context.Context) error {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	url := p.pageURL()
	return p.WaitUntil(ctx, startLimit, "Caddy serves "+url, func() bool {
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
	})
}
