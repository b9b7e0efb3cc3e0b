package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const stickyCookie = "server_id"

// traefik is a running Traefik.
type traefik struct {
	cmd     *exec.Cmd
	folder  string
	address string
}

// tether is a shell program that becomes the program that its arguments name,
// which ends when standard input closes: so Traefik does not outlive this
// program, not even one that was killed.
const tether = `
exec 3<&0
{ cat <&3 >/dev/null; kill -KILL $$; } 2>/dev/null &
exec 3<&-
exec "$@" </dev/null`

func startTraefik(ctx context.Context, c configuration, program string, nodes []*node) (*traefik, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "traefikcost-")
	if err != nil {
		return nil, err
	}
	t := &traefik{folder: folder}
	if err := t.start(ctx, c, program, nodes); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

func (t *traefik) start(ctx context.Context, c configuration, program string, nodes []*node) error {
	var err error
	if t.address, err = freeAddress(ctx); err != nil {
		return err
	}
	if err := t.configure(c, nodes); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(t.folder, "log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()                                                                  // Traefik has its own
	t.cmd = exec.CommandContext(ctx, "sh", "-c", tether, "tether", program, "--configFile=static.json") //nolint:gosec // Traefik is what is to be run
	t.cmd.Dir = t.folder                                                                                // where Traefik looks for plugins-local
	t.cmd.Stdout, t.cmd.Stderr = log, log
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := t.cmd.StdinPipe(); err != nil {
		return err
	}
	return t.cmd.Start()
}

// configure writes Traefik's configuration, and puts the plugin in its place.
func (t *traefik) configure(c configuration, nodes []*node) error {
	router := object{"rule": "PathPrefix(`/`)", "service": "nodes"}
	servers := make([]object, 0, len(nodes))
	for _, n := range nodes {
		servers = append(servers, object{"url": n.URL})
	}
	static := object{
		"global":      object{"checkNewVersion": false, "sendAnonymousUsage": false},
		"entryPoints": object{"web": object{"address": t.address}},
		"providers":   object{"file": object{"filename": "dynamic.yml"}},
	}
	http := object{
		"routers": object{"all": router},
		"services": object{"nodes": object{"loadBalancer": object{
			"servers": servers,
			"sticky":  object{"cookie": object{"name": stickyCookie}},
		}}},
	}
	if c.plugin != "" {
		router["middlewares"] = []string{"plugin"}
		http["middlewares"] = object{"plugin": object{"plugin": object{"measured": json.RawMessage(c.options)}}}
		static["experimental"] = object{"localPlugins": object{"measured": object{"moduleName": c.module}}}
		if err := t.install(c); err != nil {
			return err
		}
	}
	return errors.Join(
		t.write("static.json", static),
		t.write("dynamic.yml", object{"http": http}), // any JSON is YAML
	)
}

// object is one of JSON's.
type object map[string]any

func (t *traefik) write(name string, o object) error {
	text, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(t.folder, name), text, 0o600)
}

func (t *traefik) install(c configuration) error {
	source, err := filepath.Abs(c.plugin)
	if err != nil {
		return err
	}
	place := filepath.Join(t.folder, "plugins-local", "src", filepath.FromSlash(c.module))
	if err := os.MkdirAll(filepath.Dir(place), 0o700); err != nil {
		return err
	}
	return os.Symlink(source, place)
}

// stop ends Traefik and forgets what it wrote.
func (t *traefik) stop() {
	if t.cmd != nil && t.cmd.Process != nil {
		_ = syscall.Kill(-t.cmd.Process.Pid, syscall.SIGKILL)
		_ = t.cmd.Wait()
	}
	_ = os.RemoveAll(t.folder)
}

// log returns what Traefik said.
func (t *traefik) log() string {
	text, err := os.ReadFile(filepath.Join(t.folder, "log"))
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// freeAddress returns an address of loopback on which nobody listens.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
