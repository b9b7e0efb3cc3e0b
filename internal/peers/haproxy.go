package peers

import (
	"context"
	"syscall"
)

type haproxy struct{}

// configure starts HAProxy as Debian's unit does, with a master that can reload.
func (haproxy) configure(r *Running) ([]string, error) {
	program, err := Find("haproxy")
	if err != nil {
		return nil, err
	}
	config, err := r.render("haproxy.cfg")
	return []string{program, "-W", "-f", config}, err
}

func (haproxy) reload(ctx context.Context, r *Running) error {
	return r.logged(ctx, syscall.SIGUSR2, "Loading success")
}
