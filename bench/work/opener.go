package work

import (
	"context"
	"errors"
	"sync"

	"github.com/eio-affinity/affinity/bench/engineio"
)

// openers is how many sessions are opened at a time.
const openers = 8

// opener opens sessions that then send nothing.
type opener struct {
	ctx       context.Context //nolint:containedctx // of the polls that wait
	cancel    context.CancelFunc
	options   engineio.Options
	transport Transport

	polls sync.WaitGroup
	mu    sync.Mutex
	ends  []func()
}

func newOpener(ctx context.Context, o engineio.Options, transport Transport) *opener {
	opener := &opener{options: o, transport: transport}
	opener.ctx, opener.cancel = context.WithCancel(ctx)
	return opener
}

// open opens this many sessions.
func (o *opener) open(sessions int) error {
	failed := make([]error, openers)
	var all sync.WaitGroup
	for i := range openers {
		all.Go(func() {
			for n := i; n < sessions && failed[i] == nil; n += openers {
				failed[i] = o.openOne()
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// openOne opens one session.
func (o *opener) openOne() error {
	if o.transport == WebSocket {
		ws, err := engineio.OpenWebSocket(o.ctx, o.options)
		if err != nil {
			return err
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		o.ends = append(o.ends, ws.Close)
		return nil
	}
	client := engineio.NewClient(o.options)
	if err := client.Open(o.ctx); err != nil {
		return err
	}
	o.polls.Go(func() { _ = client.Hold(o.ctx) }) // it ends when it is canceled
	return nil
}

// close ends all sessions.
func (o *opener) close() {
	o.cancel()
	for _, end := range o.ends {
		end()
	}
	o.polls.Wait()
}
