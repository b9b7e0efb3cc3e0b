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
	last  *testbed.Result // when they have ended
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
func (c *clients) read(ctx context.Context) (string, error) {
	limit := time.NewTimer(3 * patience)
	defer limit.Stop()
	select {
	case line := <-c.lines:
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	case <-limit.C:
		return "", fmt.Errorf("clients: no answer in %s", 3*patience)
	case <-c.Exited():
		select {
		case line := <-c.lines:
			return line, nil
		default:
			return "", c.Err()
		}
	}
}

// do sends a command, and returns the results once all clients have done it. Clients
// that have all failed have ended: then these are their last results.
func (c *clients) do(ctx context.Context, command string) (testbed.Result, error) {
	if c.last != nil {
		return *c.last, nil
	}
	_, _ = io.WriteString(c.Stdin, command+"\n") // the answer tells if they have ended
	line, err := c.read(ctx)
	if err != nil {
		return testbed.Result{}, err
	}
	var answer struct {
		Done   string
		Result testbed.Result
	}
	if err := json.Unmarshal([]byte(line), &answer); err != nil || answer.Done != "" {
		return answer.Result, err
	}
	r, err := resultOf(line)
	c.last = &r
	return r, err
}

// count returns the results so far of clients that go on.
func (c *clients) count(ctx context.Context) (testbed.Result, error) {
	r, err := c.do(ctx, "pause")
	_, _ = io.WriteString(c.Stdin, "resume\n")
	return r, err
}

// ready waits until all clients are connected or have failed, and returns how many are
// connected.
func (c *clients) ready(ctx context.Context) (int, error) {
	var ready struct{ Connected int }
	line, err := c.read(ctx)
	if err == nil {
		err = json.Unmarshal([]byte(line), &ready)
	}
	return ready.Connected, err
}

// runClients runs clients from beginning to end.
func (s *stage) runClients(ctx context.Context, c testbed.Clients) (testbed.Result, error) {
	running, err := s.startClients(c)
	if err != nil {
		return testbed.Result{}, err
	}
	defer running.Kill()
	line, err := running.read(ctx)
	if err != nil {
		return testbed.Result{}, err
	}
	return resultOf(line)
}

// resultOf reads a line with a result.
func resultOf(line string) (r testbed.Result, err error) {
	err = json.Unmarshal([]byte(line), &r)
	return r, err
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
