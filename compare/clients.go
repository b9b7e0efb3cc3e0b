package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// patience is how long clients wait for an answer: what has not come by then has failed.
const patience = 20 * time.Second

// clients are running clients of testdata/socketio/clients.js.
type clients struct {
	*local.Process
	lines chan string
}

// startClients starts clients of a stage, each with an address of its own unless they
// roam or share one.
func (s *stage) startClients(c testbed.Clients) (*clients, error) {
	if c.URL == "" {
		c.URL = s.proxy.URL
	}
	c.Version, c.Timeout, c.ExtraHeaders = s.version, patience.Milliseconds(), s.system.Headers
	c.MaxBytes = 2000
	settings, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	started := &clients{lines: make(chan string, 1000)}
	started.Process, err = startProgram([]string{"clients.js", string(settings)}, func(line string) { started.lines <- line })
	return started, err
}

// read reads the next line.
func (c *clients) read(ctx context.Context, into any) error {
	limit := time.NewTimer(3 * patience)
	defer limit.Stop()
	select {
	case line := <-c.lines:
		return json.Unmarshal([]byte(line), into)
	case <-ctx.Done():
		return ctx.Err()
	case <-limit.C:
		return fmt.Errorf("clients: no answer in %s", 3*patience)
	case <-c.Exited():
		select {
		case line := <-c.lines:
			return json.Unmarshal([]byte(line), into)
		default:
			return c.Err()
		}
	}
}

// do sends a command, and returns the results once all clients have done it.
func (c *clients) do(ctx context.Context, command string) (testbed.Result, error) {
	if _, err := io.WriteString(c.Stdin, command+"\n"); err != nil {
		return testbed.Result{}, fmt.Errorf("clients: %w", err)
	}
	if command == "finish" {
		return c.result(ctx)
	}
	var answer struct{ Result testbed.Result }
	err := c.read(ctx, &answer)
	return answer.Result, err
}

// result returns the result in the end.
func (c *clients) result(ctx context.Context) (testbed.Result, error) {
	var r testbed.Result
	err := c.read(ctx, &r)
	return r, err
}

// count returns the results so far of clients that go on.
func (c *clients) count(ctx context.Context) (testbed.Result, error) {
	r, err := c.do(ctx, "pause")
	if err != nil {
		return r, err
	}
	_, err = io.WriteString(c.Stdin, "resume\n")
	return r, err
}

// ready waits until all clients are connected or have failed, and returns how many are
// connected.
func (c *clients) ready(ctx context.Context) (int, error) {
	var ready struct{ Connected int }
	err := c.read(ctx, &ready)
	return ready.Connected, err
}

// runClients runs clients from beginning to end.
func (s *stage) runClients(ctx context.Context, c testbed.Clients) (testbed.Result, error) {
	running, err := s.startClients(c)
	if err != nil {
		return testbed.Result{}, err
	}
	defer running.Kill()
	return running.result(ctx)
}

// judged returns works if no client had a problem from beginning to end.
func judged(r testbed.Result) outcome {
	detail := ""
	if len(r.Errors) > 0 {
		detail = r.Errors[0]
	}
	failed := max(r.ErrorCount, r.Clients-r.Connected, r.WrongNode, r.Mismatched, r.Disconnects)
	if failed == 0 {
		return outcome{Verdict: works, Text: "works"}
	}
	return outcome{Verdict: fails, Text: fmt.Sprintf("fails, %d of %d", min(failed, r.Clients), r.Clients), Detail: detail}
}
