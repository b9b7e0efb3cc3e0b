package peers

import (
	"context"
	"net/http"
	"path/filepath"
	"syscall"
)

// daemon is a program of a Debian package that loads its configuration again at a
// signal.
type daemon struct {
	program string
	// args are its arguments, before the path of its configuration.
	args func(r *Running) []string
	// reloadAt is the signal, and reloaded a part of a line that it writes then, and
	// when it has started.
	reloadAt syscall.Signal
	reloaded string
}

var (
	nginx = daemon{
		program:  "nginx",
		args:     func(r *Running) []string { return []string{"-e", "stderr", "-p", r.dir, "-c"} },
		reloadAt: syscall.SIGHUP, reloaded: "start worker process",
	}
	// Its signal is what apachectl graceful sends.
	apache = daemon{
		program:  "apache2",
		args:     func(*Running) []string { return []string{"-DFOREGROUND", "-f"} },
		reloadAt: syscall.SIGUSR1, reloaded: "resuming normal operations",
	}
	// It has a master that can reload, as with Debian's unit.
	haproxy = daemon{
		program:  "haproxy",
		args:     func(*Running) []string { return []string{"-W", "-f"} },
		reloadAt: syscall.SIGUSR2, reloaded: "Loading success",
	}
)

func (d daemon) configure(r *Running) ([]string, error) {
	program, err := Find(d.program)
	if err != nil {
		return nil, err
	}
	config, err := r.render(filepath.Base(r.System.Config))
	return append(append([]string{program}, d.args(r)...), config), err
}

// ready waits for the line too, before which HAProxy's master loses signals.
func (d daemon) ready(r *Running, status int) bool {
	return status == http.StatusOK && r.Output.Count(d.reloaded) > 0
}

func (d daemon) reload(ctx context.Context, r *Running) error {
	return r.logged(ctx, d.reloadAt, d.reloaded)
}
