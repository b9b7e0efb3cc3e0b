package peers

import (
	"context"
	"syscall"
)

type apache struct{}

func (apache) configure(r *Running) ([]string, error) {
	program, err := Find("apache2")
	if err != nil {
		return nil, err
	}
	config, err := r.render("apache2.conf")
	return []string{program, "-DFOREGROUND", "-f", config}, err
}

// reload is what apachectl graceful does.
func (apache) reload(ctx context.Context, r *Running) error {
	return r.logged(ctx, syscall.SIGUSR1, "resuming normal operations")
}
