package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// front is where Caddy listens.
type front struct {
	port int
	ipv6 bool // on [::1] too, which "localhost" can mean
}

func (f front) pageURL() string { return fmt.Sprintf("http://localhost:%d/", f.port) }

// chooseFront takes the wanted port if it is free, else any free one.
func chooseFront(port int, out io.Writer) (front, error) {
	f := front{port: port, ipv6: free("::1", 0) == nil}
	if port != 0 {
		err := f.free()
		if err == nil {
			return f, nil
		}
		fmt.Fprintf(out, "Port %d is busy (%v), taking a free one.\n", port, err)
	}
	for range 100 {
		var err error
		if f.port, err = freePort(); err != nil {
			return f, err
		}
		if f.free() == nil {
			return f, nil
		}
	}
	return f, errors.New("finding a free port")
}

// free says whether Caddy can listen on every address of f.
func (f front) free() error {
	if err := free("127.0.0.1", f.port); err != nil || !f.ipv6 {
		return err
	}
	return free("::1", f.port)
}

func free(host string, port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return err
	}
	return l.Close()
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// site is what the demo's Caddyfile serves.
type site struct {
	front
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
func startCaddy(program, temp string, s site) (*process, error) {
	config := filepath.Join(temp, "Caddyfile")
	if err := os.WriteFile(config, []byte(s.caddyfile()), 0o600); err != nil {
		return nil, fmt.Errorf("writing the Caddyfile: %w", err)
	}
	cmd := exec.Command(program, "run", "--config", config, "--adapter", "caddyfile")
	cmd.Dir = temp
	cmd.Env = append(os.Environ(),
		"HOME="+temp,
		"XDG_CONFIG_HOME="+filepath.Join(temp, "config"),
		"XDG_DATA_HOME="+filepath.Join(temp, "data"),
	)
	p, err := startProcess(cmd, func(string) {})
	if err != nil {
		return nil, fmt.Errorf("%w (build it with: make build)", err)
	}
	return p, nil
}
