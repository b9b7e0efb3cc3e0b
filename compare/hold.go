package main

import (
	"context"
	"fmt"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// firstAddress numbers the clients' addresses.
const firstAddress = 1

// clientsHold returns a scenario in which clients connect, send, and leave.
func clientsHold(c testbed.Clients) func(context.Context, *stage) (outcome, error) {
	c.Count, c.Messages = few, rounds
	if !c.Roam {
		c.OwnAddress = firstAddress
	}
	return func(ctx context.Context, s *stage) (outcome, error) {
		r, err := s.runClients(ctx, c)
		return judged(r), err
	}
}

func behindOneAddress(ctx context.Context, s *stage) (outcome, error) {
	r, err := s.runClients(ctx, testbed.Clients{Count: office, Transports: polling, CookieJar: true, Messages: 2})
	o := judged(r)
	if err != nil || o.Verdict == fails {
		return o, err
	}
	fullest := 0
	for _, sessions := range r.PerNode {
		fullest = max(fullest, sessions)
	}
	ratio := float64(fullest) * float64(len(names)) / float64(r.Connected)
	o.Text = fmt.Sprintf("%.2f", ratio)
	if ratio > 1.5 {
		o.Verdict = partly
	}
	return o, nil
}

func idle(ctx context.Context, s *stage) (outcome, error) {
	running, err := s.startClients(testbed.Clients{
		Count: few, TransportsInTurn: [][]string{polling, webSocket}, CookieJar: true, OwnAddress: firstAddress, Mode: testbed.Commands,
	})
	if err != nil {
		return outcome{}, err
	}
	defer running.Kill()
	if _, err := running.ready(ctx); err != nil {
		return outcome{}, err
	}
	if err := sleep(ctx, 8*time.Second); err != nil {
		return outcome{}, err
	}
	r, err := finished(ctx, running, "round")
	return judged(r), err
}

// finished has clients do one more command and finish.
func finished(ctx context.Context, running *clients, command string) (testbed.Result, error) {
	if _, err := running.do(ctx, command); err != nil {
		return testbed.Result{}, err
	}
	return running.do(ctx, "finish")
}

// twoReplicas runs clients through two proxies at a time.
func twoReplicas(ctx context.Context, s *stage) (outcome, error) {
	second, err := s.start(ctx, s.system)
	if err != nil {
		return outcome{}, err
	}
	defer second.Stop()
	b, err := startBalancer(s.proxy.Address(), second.Address())
	if err != nil {
		return outcome{}, err
	}
	defer b.close()
	r, err := s.runClients(ctx, testbed.Clients{
		URL: b.url(), Count: few, TransportsInTurn: [][]string{polling, upgrading}, CookieJar: true, OwnAddress: firstAddress, Messages: rounds,
	})
	return judged(r), err
}

// reconnecting counts the clients that return to their node.
func reconnecting(ctx context.Context, s *stage) (outcome, error) {
	o, err := s.returning(ctx)
	with := s.system.WithCookie
	if err != nil || o.Verdict == fails || with == nil {
		return o, err
	}
	proxy, err := s.start(ctx, with)
	if err != nil {
		return outcome{}, err
	}
	defer proxy.Stop()
	second := &stage{system: s.system, version: s.version, proxy: proxy}
	better, err := second.returning(ctx)
	if better.Verdict == fails {
		return better, err
	}
	o.Text += "; " + better.Text
	o.Short += "; " + better.Short
	return o, err
}

func (s *stage) returning(ctx context.Context) (outcome, error) {
	running, err := s.startClients(testbed.Clients{
		Count: many, Transports: polling, CookieJar: true, OwnAddress: firstAddress, Mode: testbed.Commands,
	})
	if err != nil {
		return outcome{}, err
	}
	defer running.Kill()
	connected, err := running.ready(ctx)
	if err != nil {
		return outcome{}, err
	}
	if connected < many {
		r, err := running.do(ctx, "finish")
		return judged(r), err
	}
	if _, err := running.do(ctx, "cut"); err != nil {
		return outcome{}, err
	}
	r, err := finished(ctx, running, "reconnect")
	if err != nil {
		return outcome{}, err
	}
	if o := judged(r); r.ErrorCount > 0 {
		return o, nil
	}
	o := outcome{Verdict: partly, Text: fmt.Sprintf("%d of %d", r.Returned, many), Short: fmt.Sprint(r.Returned)}
	if r.Returned == many {
		o.Verdict = works
	}
	return o, nil
}

// sleep waits, unless the context ends.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
