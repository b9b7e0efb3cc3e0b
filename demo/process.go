package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"time"
)

const (
	// startLimit is how long a child may take until it is ready.
	startLimit = 30 * time.Second
	// stopGrace is how long a child may take to end by itself.
	stopGrace = 3 * time.Second
)

// process is a child in a process group of its own, so that a Ctrl-C in the
// terminal reaches the demo alone, which then stops its children in order.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	said  *tail
	done  chan struct{} // closed once the child is reaped
	err   error         // why it ended; read it after done
}

// startProcess starts cmd. Every line of its output goes to onLine, and the
// last ones are kept to explain an unexpected end.
func startProcess(cmd *exec.Cmd, onLine func(string)) (*process, error) {
	p := &process{cmd: cmd, said: new(tail), done: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("opening a pipe: %w", err)
	}
	p.stdin = stdin
	cmd.Stdout = &lineWriter{onLine: onLine}
	cmd.Stderr = &lineWriter{onLine: p.said.add}
	cmd.WaitDelay = time.Second
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// running says whether the child has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stop asks the child to end, waits for grace and then kills it. It returns
// when the child is gone.
func (p *process) stop(grace time.Duration) {
	if p.running() {
		terminateGroup(p.cmd)
	}
	p.stdin.Close()
	select {
	case <-p.done:
		return
	case <-time.After(grace):
	}
	killGroup(p.cmd)
	<-p.done
}

// died is the error for a child that ended though nobody stopped it.
func (p *process) died(name string) error {
	reason := p.err
	if reason == nil {
		reason = errors.New("exit status 0")
	}
	return fmt.Errorf("%s ended by itself: %w\n%s", name, reason, p.lastWords())
}

// lastWords is the end of what the child wrote to its standard error.
func (p *process) lastWords() string { return p.said.String() }

// tail keeps the last lines it is given.
type tail struct {
	mu    sync.Mutex
	lines []string
}

const tailLines = 20

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == tailLines {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, line)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// lineWriter hands on what is written to it, a line at a time.
type lineWriter struct {
	onLine func(string)
	rest   []byte
}

// maxLine bounds what is kept of a line that does not end.
const maxLine = 64 << 10

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		line, rest, found := bytes.Cut(w.rest, []byte("\n"))
		if !found && len(w.rest) < maxLine {
			return len(p), nil
		}
		w.rest = rest
		w.onLine(string(line))
	}
}
