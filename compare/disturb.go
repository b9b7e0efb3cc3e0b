package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// errNotAllConnected is returned when not all clients have come as far as the
// disturbance.
var errNotAllConnected = errors.New("not all clients are connected")

// sending starts clients that send all the time, and returns once all of them are
// connected, and those that upgrade have done so.
func (s *stage) sending(ctx context.Context) (*clients, testbed.Result, error) {
	running, err := s.startClients(testbed.Clients{
		Count: many, TransportsInTurn: [][]string{polling, upgrading}, CookieJar: true, OwnAddress: firstAddress,
		Mode: testbed.Continuous, Pause: 100, Reconnect: true,
	})
	if err != nil {
		return nil, testbed.Result{}, err
	}
	before, err := running.settle(ctx)
	if err == nil && before.Disconnects > 0 {
		err = fmt.Errorf("%w for good: %d have lost their session", errNotAllConnected, before.Disconnects)
	}
	if err != nil {
		running.Kill()
		return nil, before, err
	}
	return running, before, nil
}

// settle waits until all clients are connected, and then until half of them have
// upgraded.
func (c *clients) settle(ctx context.Context) (testbed.Result, error) {
	var r testbed.Result
	err := within(ctx, patience, func(ctx context.Context) (err error) {
		r.Connected, err = c.ready(ctx)
		return err
	})
	if err == nil {
		err = within(ctx, 2*patience, func(ctx context.Context) (err error) {
			r, err = c.upgraded(ctx, r)
			return err
		})
	}
	if errors.Is(err, errLate) {
		err = fmt.Errorf("%w: %d of %d, of which %d have upgraded, and %d have lost their session",
			errNotAllConnected, r.Connected, many, r.Upgraded, r.Disconnects)
	}
	return r, err
}

// errLate is returned when something has not happened in time.
var errLate = errors.New("it has not happened in time")

// within calls a function with a limit of time.
func within(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, limit, errLate)
	defer cancel()
	err := do(limited)
	if err != nil && limited.Err() != nil {
		return context.Cause(limited)
	}
	return err
}

// upgraded waits until half of the clients have upgraded, or one has lost its session.
// It returns the results so far, which it has got.
func (c *clients) upgraded(ctx context.Context, r testbed.Result) (testbed.Result, error) {
	for {
		now, err := c.count(ctx)
		if err != nil {
			return r, err
		}
		if r = now; r.Disconnects > 0 || r.Connected == many && r.Upgraded >= many/2 {
			return r, nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return r, err
		}
	}
}

// disturbed runs clients that send all the time, disturbs them, and judges the result.
func disturbed(ctx context.Context, s *stage, disturb func(running *clients, before testbed.Result) (outcome, error)) (outcome, error) {
	running, before, err := s.sending(ctx)
	if errors.Is(err, errNotAllConnected) {
		return outcome{Verdict: fails, Text: "fails before it", Detail: err.Error()}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	defer running.Kill()
	return disturb(running, before)
}

// lost says how many sessions were lost.
func lost(r testbed.Result) outcome {
	o := outcome{Verdict: works, Text: fmt.Sprintf("%d of %d lost", r.Disconnects, many), Short: fmt.Sprint(r.Disconnects)}
	if r.Disconnects > 0 {
		o.Verdict = partly
	}
	if r.WrongNode+r.Mismatched > 0 {
		o.Verdict, o.Detail = fails, fmt.Sprintf("%d answers of another node, %d that were not right", r.WrongNode, r.Mismatched)
	}
	return o
}

func reloading(ctx context.Context, s *stage) (outcome, error) {
	return disturbed(ctx, s, func(running *clients, _ testbed.Result) (outcome, error) {
		for range 3 {
			if err := s.proxy.Reload(ctx); err != nil {
				return outcome{}, err
			}
			if err := sleep(ctx, time.Second); err != nil {
				return outcome{}, err
			}
		}
		r, err := running.count(ctx)
		return lost(r), err
	})
}

func growing(ctx context.Context, s *stage) (outcome, error) {
	return disturbed(ctx, s, func(running *clients, _ testbed.Result) (outcome, error) {
		if err := s.addNode(ctx); err != nil {
			return outcome{}, err
		}
		if err := sleep(ctx, 4*time.Second); err != nil {
			return outcome{}, err
		}
		r, err := running.count(ctx)
		if err != nil {
			return outcome{}, err
		}
		o := lost(r)
		reached, err := s.newcomerServes(ctx)
		if err == nil && !reached {
			o = outcome{Verdict: fails, Text: "fails", Detail: fmt.Sprintf("none of %d new clients is on the new node", many)}
		}
		return o, err
	})
}

// newcomerServes reports whether new clients get to the node that was added. They come
// in groups and stay, so that whoever counts sessions has counted those of the last
// group, and over WebSocket, which works with every system.
func (s *stage) newcomerServes(ctx context.Context) (bool, error) {
	const groups = 3
	for group := range groups {
		running, err := s.startClients(testbed.Clients{
			Count: many / groups, Transports: webSocket, CookieJar: true, Mode: testbed.Continuous, Pause: 100,
			OwnAddress: firstAddress + many + group*many/groups,
		})
		if err != nil {
			return false, err
		}
		defer running.Kill() // it stays until the last group has come
		if _, err := running.ready(ctx); err != nil {
			return false, err
		}
		r, err := running.count(ctx)
		if err != nil || r.PerNode[newcomer] > 0 {
			return true, err
		}
	}
	return false, nil
}

// killing kills the node with the most sessions.
func killing(ctx context.Context, s *stage) (outcome, error) {
	return disturbed(ctx, s, func(running *clients, before testbed.Result) (outcome, error) {
		victim := names[0]
		for _, name := range names {
			if before.PerNode[name] > before.PerNode[victim] {
				victim = name
			}
		}
		own := before.PerNode[victim]
		began := time.Now()
		if err := s.killNode(victim); err != nil {
			return outcome{}, err
		}
		r, err := running.back(ctx, own)
		if err != nil {
			return outcome{}, err
		}
		beyond := r.Disconnects + r.LostBeforeConnect - own
		if waiting := r.Disconnects - len(r.ReopenedAfter); waiting > 0 || r.Disconnects < own {
			return outcome{
				Verdict: fails, Text: fmt.Sprintf("fails, %d not back", max(waiting, own-len(r.ReopenedAfter))),
				Detail: fmt.Sprintf("after %s; attempts to connect that failed: %v", peers.Limit, r.ConnectErrors),
			}, nil
		}
		took := time.UnixMilli(r.LastReopened).Sub(began)
		o := outcome{Verdict: works, Text: fmt.Sprintf("%d lost, %.1f s", beyond, took.Seconds())}
		o.Short = fmt.Sprintf("%d, %.1f s", beyond, took.Seconds())
		if beyond > 0 || took > 5*time.Second {
			o.Verdict = partly
		}
		return o, nil
	})
}

// back waits until the clients of a node that was killed, and all others that have lost
// their sessions, have others, for [peers.Limit] at most.
func (c *clients) back(ctx context.Context, own int) (testbed.Result, error) {
	const quiet = 2 * time.Second // for so long, nobody else may lose a session
	since := time.Now()
	last := -1
	for began := time.Now(); ; {
		r, err := c.count(ctx)
		if err != nil {
			return r, err
		}
		if r.Disconnects != last || r.Disconnects < own || len(r.ReopenedAfter) < r.Disconnects {
			last, since = r.Disconnects, time.Now()
		}
		if time.Since(since) > quiet || time.Since(began) > peers.Limit {
			return r, nil
		}
		if err := sleep(ctx, 200*time.Millisecond); err != nil {
			return r, err
		}
	}
}
