package local

import (
	"context"
	"fmt"
	"time"
)

// WaitUntil waits until a started program is ready. It returns an error if the
// program ends or a limit passes before that, or the context's error.
func (p *Process) WaitUntil(ctx context.Context, limit time.Duration, what string, ready func() bool) error {
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for !ready() {
		select {
		case <-retry.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Exited():
			return p.Err()
		case <-timeout.C:
			return fmt.Errorf("waiting until %s: not after %s\n%s", what, limit, p.Output.LastLines(20))
		}
	}
	return nil
}
