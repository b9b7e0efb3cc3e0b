package peers

import (
	"context"
	"syscall"
)

type nginx struct{}

func (nginx) configure(r *Running) ([]string, error) {
	program, err := Find("nginx")
	if err != nil {
		return nil, err
	}
	config, err := r.render("nginx.conf")
	return []string{program, "-e", "stderr", "-p", r.dir, "-c", config}, err
}

func (nginx) reload(ctx context.Context, r *Running) error {
	return r.logged(ctx, syscall.SIGHUP, "start worker process")
}
