package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

var (
	// errWaitTimeout is returned when --timeout passes.
	errWaitTimeout = errors.New("not empty within --timeout")

	// errInterrupted is returned when a signal ends the command.
	errInterrupted = errors.New("interrupted")

	// errNotDraining is returned when an upstream is not draining any more.
	errNotDraining = errors.New("not draining any more: its drain was undone, or Caddy was restarted")
)

// wait waits until nothing is open on upstreams that are draining.
type wait struct {
	api       client
	upstreams []*emptying
	progress  *progress

	sampleEvery time.Duration
	// samples is how many samples in a row must find an upstream empty. So many
	// requests may fail in a row too, because a reload may restart the admin API.
	samples int
}

// emptying is an upstream that is waited for.
type emptying struct {
	adminapi.Upstream

	// polls and webSockets have what was open in the last samples.
	polls, webSockets []int64
}

// newWait returns a wait for upstreams that were drained.
func newWait(c commands, api client, drained []adminapi.Upstream, progress *progress) *wait {
	w := &wait{api: api, progress: progress, sampleEvery: c.sampleEvery, samples: int(c.settle/c.sampleEvery) + 1}
	for _, upstream := range drained {
		w.upstreams = append(w.upstreams, &emptying{Upstream: upstream})
	}
	return w
}

// run waits, and returns the last state of the upstreams. If the context ends
// before, its error says that they are still draining.
func (w *wait) run(ctx context.Context) ([]adminapi.Upstream, error) {
	tick := time.NewTicker(w.sampleEvery)
	defer tick.Stop()
	failures := 0
	for {
		err := w.sample()
		switch {
		case err == nil:
			failures = 0
		case errors.Is(err, errNotDraining):
			w.progress.end()
			return nil, err
		default:
			if failures++; failures > w.samples {
				w.progress.end()
				return nil, err
			}
		}
		if err := w.progress.show(w.lines()); err != nil {
			return nil, err
		}
		if err == nil && !slices.ContainsFunc(w.upstreams, func(u *emptying) bool { return !u.isEmpty(w.samples) }) {
			w.progress.end()
			return w.states(), nil
		}
		select {
		case <-ctx.Done():
			w.progress.end()
			return nil, w.stillDraining(ctx)
		case <-tick.C:
		}
	}
}

// sample looks at the upstreams once.
func (w *wait) sample() error {
	var list []adminapi.Upstream
	if _, err := w.api.get(adminapi.UpstreamsPath, &list); err != nil {
		return err
	}
	for _, upstream := range w.upstreams {
		i := slices.IndexFunc(list, func(other adminapi.Upstream) bool { return other.Address == upstream.Address })
		if i < 0 || !list[i].Draining {
			return fmt.Errorf("%s: %w", printable(upstream.Address), errNotDraining)
		}
		upstream.add(list[i], w.samples)
	}
	return nil
}

// add adds a sample, and forgets those that are too old.
func (u *emptying) add(state adminapi.Upstream, most int) {
	u.Upstream = state
	u.polls = append(u.polls, state.OpenPolls)
	u.webSockets = append(u.webSockets, state.OpenWebSockets)
	if len(u.polls) > most {
		u.polls, u.webSockets = u.polls[1:], u.webSockets[1:]
	}
}

// open returns the most that was open at a time.
func (u *emptying) open() (polls, webSockets int64) {
	if len(u.polls) == 0 {
		return 0, 0
	}
	return slices.Max(u.polls), slices.Max(u.webSockets)
}

// isEmpty reports whether so many samples in a row found nothing open.
func (u *emptying) isEmpty(samples int) bool {
	polls, webSockets := u.open()
	return len(u.polls) >= samples && polls == 0 && webSockets == 0
}

// lines returns a line about each upstream.
func (w *wait) lines() []string {
	lines := make([]string, 0, len(w.upstreams))
	for _, upstream := range w.upstreams {
		polls, webSockets := upstream.open()
		switch {
		case upstream.isEmpty(w.samples):
			lines = append(lines, printable(upstream.Address)+" is empty")
		case len(upstream.polls) > 0 && polls+webSockets > 0:
			lines = append(lines, drainingLine(upstream.Address, polls, webSockets))
		default:
			lines = append(lines, "")
		}
	}
	return lines
}

// states returns the last state of the upstreams.
func (w *wait) states() []adminapi.Upstream {
	states := make([]adminapi.Upstream, 0, len(w.upstreams))
	for _, upstream := range w.upstreams {
		states = append(states, upstream.Upstream)
	}
	return states
}

// stillDraining returns the error of a wait that has ended too early.
func (w *wait) stillDraining(ctx context.Context) error {
	reason := errInterrupted
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		reason = errWaitTimeout
	}
	var left []string
	all := make([]string, 0, len(w.upstreams))
	for _, upstream := range w.upstreams {
		all = append(all, printable(upstream.Address))
		if !upstream.isEmpty(w.samples) {
			left = append(left, printable(upstream.Address)+" ("+openOn(upstream.open())+")")
		}
	}
	return fmt.Errorf("%w: %s. The drain goes on: run the command again to wait for its end, or undo it with caddy affinity undrain %s",
		reason, strings.Join(left, ", "), strings.Join(all, " "))
}
