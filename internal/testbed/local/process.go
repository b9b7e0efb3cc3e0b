// Package local starts programs on this machine, for the testbed, the demo and
// the benchmarks, and makes sure that they end.
package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Options describe a program to start.
type Options struct {
	Name string   // in errors. Default: the first argument
	Args []string // the program and its arguments
	Dir  string   // its working directory. Default: this process's
	Env  []string // added to the environment of this process

	// Supervise ends the program when its standard input closes, as it does when
	// this process ends in any way, for programs that do not do so by themselves.
	// It needs a shell.
	Supervise bool

	// OnLine is called with each line of standard output. It must not block.
	OnLine func(line string)

	// KeepOutput is how many bytes of output are kept, the last ones. Default: all.
	KeepOutput int
}

// Process is a running program. It is in a process group of its own, so that
// Ctrl-C in a terminal does not reach it, and all that it starts ends with it.
type Process struct {
	Name   string
	Stdin  io.WriteCloser
	Output *Output // standard output and standard error

	cmd    *exec.Cmd
	exited chan struct{}
	err    error // why it ended; read it after exited
}

// supervisor is a shell script that becomes the program of its arguments, and
// kills its process group, all that it has started, when standard input closes.
const supervisor = `
exec 3<&0
{ cat <&3; kill -KILL 0; } >/dev/null 2>&1 &
exec 3<&-
exec "$@" </dev/null`

// Start starts a program.
func Start(o Options) (*Process, error) {
	args := o.Args
	if o.Supervise {
		args = append([]string{"sh", "-c", supervisor, "supervisor"}, args...)
	}
	p := &Process{
		Name:   o.Name,
		Output: &Output{keep: o.KeepOutput},
		cmd:    exec.Command(args[0], args[1:]...),
		exited: make(chan struct{}),
	}
	if p.Name == "" {
		p.Name = o.Args[0]
	}
	p.cmd.Dir = o.Dir
	p.cmd.Env = append(os.Environ(), o.Env...)
	p.cmd.Stdout = &lineWriter{to: p.Output, onLine: o.OnLine}
	p.cmd.Stderr = p.Output
	// A grandchild that holds the output open must not hold up Wait.
	p.cmd.WaitDelay = time.Second
	ownGroup(p.cmd)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("opening the standard input of %s: %w", p.Name, err)
	}
	p.Stdin = stdin
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.Name, err)
	}
	go func() {
		defer close(p.exited)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// PID returns the process ID of the program.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the program has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Running reports whether the program has not ended yet.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Wait waits for the end of the program and returns the error of [exec.Cmd.Wait].
func (p *Process) Wait() error {
	<-p.exited
	return p.err
}

// Err waits for the end of a program that should not end by itself, and returns why
// it did, with the last lines of its output.
func (p *Process) Err() error {
	reason := p.Wait()
	if reason == nil {
		reason = errors.New("exit status 0")
	}
	const lines = 20
	return fmt.Errorf("%s ended by itself: %w\n%s", p.Name, reason, p.Output.LastLines(lines))
}

// Signal sends a signal to the program.
func (p *Process) Signal(signal os.Signal) error { return p.cmd.Process.Signal(signal) }

// Stop asks the program and all that it has started to end, waits for a grace
// period, and then kills them. It returns when the program has ended.
func (p *Process) Stop(grace time.Duration) {
	if p.Running() {
		terminateGroup(p.cmd)
	}
	_ = p.Stdin.Close()
	select {
	case <-p.exited:
		return
	case <-time.After(grace):
	}
	p.Kill()
}

// Kill kills the program and all that it has started, and returns when the
// program has ended.
func (p *Process) Kill() {
	_ = p.Stdin.Close()
	killGroup(p.cmd)
	<-p.exited
}

// Output keeps the output of a program.
type Output struct {
	mu   sync.Mutex
	keep int
	data bytes.Buffer
}

// Write implements [io.Writer].
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.data.Write(p)
	if o.keep > 0 && o.data.Len() > 2*o.keep {
		o.data.Next(o.data.Len() - o.keep)
	}
	return n, err
}

// String returns all of the output that is kept.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

// Count returns how often a text is in the output that is kept.
func (o *Output) Count(text string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Count(o.data.Bytes(), []byte(text))
}

// Tail returns the last 16 KiB.
func (o *Output) Tail() string {
	const most = 16 << 10
	all := o.String()
	return all[max(0, len(all)-most):]
}

// LastLines returns the last lines.
func (o *Output) LastLines(count int) string {
	lines := bytes.Split(bytes.TrimRight([]byte(o.Tail()), "\n"), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-count):], []byte("\n")))
}

// lineWriter passes on what is written to it, and calls a function with each
// line.
type lineWriter struct {
	to     io.Writer
	onLine func(string)
	rest   []byte
}

// Write implements [io.Writer].
func (w *lineWriter) Write(p []byte) (int, error) {
	const maxLine = 1 << 20 // of a line that does not end
	if w.onLine != nil {
		w.rest = append(w.rest, p...)
		for {
			line, rest, found := bytes.Cut(w.rest, []byte("\n"))
			if !found && len(w.rest) < maxLine {
				break
			}
			w.rest = rest
			w.onLine(string(line))
		}
	}
	return w.to.Write(p)
}
