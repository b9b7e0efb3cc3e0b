package peers

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// values are what a template of a configuration has.
type values struct {
	Address    string // to listen at, host:port
	Admin      string // of an endpoint for administration, host:port
	Dir        string // of the program's files
	Generation int    // how often it was reloaded
	Root       bool   // whether this process runs as root
	Nodes      []node
}

// node is a Socket.IO node, as Socket.IO's page names it.
type node struct{ Name, Address string }

// render writes the system's configuration into a file of its directory, and returns
// its path.
func (r *Running) render(name string) (string, error) {
	parsed, err := template.ParseFS(configs, "configs/"+r.System.Config)
	if err != nil {
		return "", err
	}
	v := values{Address: r.address, Admin: r.admin, Dir: r.dir, Generation: r.generation, Root: os.Geteuid() == 0}
	for i, address := range r.Site.Nodes {
		v.Nodes = append(v.Nodes, node{Name: fmt.Sprintf("app%02d", i+1), Address: address})
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, v); err != nil {
		return "", fmt.Errorf("configuring %s: %w", r.System.Name, err)
	}
	return filepath.Join(r.dir, name), r.write(name, text.Bytes())
}

// Port returns the port to listen at.
func (v values) Port() (string, error) {
	_, port, err := net.SplitHostPort(v.Address)
	return port, err
}

// Modules returns the modules of Apache that its configuration needs.
func (values) Modules() []string {
	return []string{
		"mpm_event", "authz_core", "env", "headers", "rewrite", "slotmem_shm",
		"proxy", "proxy_http", "proxy_wstunnel", "proxy_balancer", "lbmethod_byrequests",
	}
}

// Find returns the path of a program, which may be in a directory for root only, as some
// of Debian's are.
func Find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	path = filepath.Join("/usr/sbin", program)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s is not installed: run make deps", program)
	}
	return path, nil
}

// built returns the path of a program that make builds.
func built(program string) (string, error) {
	root, err := local.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, "bin", program)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no bin/%s: run make build traefik", program)
	}
	return path, nil
}
