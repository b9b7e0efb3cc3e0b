package testbed

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Process is a child program in its own process group. It ends with its test
// at the latest, and its output is part of the report of a test that failed.
type Process struct {
	Name   string
	Cmd    *exec.Cmd
	stdin  io.WriteCloser
	Lines  chan string   // what it writes to stdout
	exited chan struct{} // closed once it has ended
	Log    output
}

// supervisor is a shell program that runs its arguments as a command and ends it
// when standard input closes, for programs that do not do so by themselves: so
// nothing outlives a test binary that is killed or that panics on a timeout.
const supervisor = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -KILL $child; } 2>/dev/null &
exec 3<&-
wait $child`

// StartSupervised starts a program that knows nothing of its standard input.
func StartSupervised(t *testing.T, name string, env []string, argv ...string) *Process {
	t.Helper()
	return start(t, name, env, append([]string{"sh", "-c", supervisor, "tether"}, argv...)...)
}

// start starts a program that exits when its standard input closes.
func start(t *testing.T, name string, env []string, argv ...string) *Process {
	t.Helper()
	p := &Process{
		Name:   name,
		Cmd:    exec.Command(argv[0], argv[1:]...),
		Lines:  make(chan string, 64),
		exited: make(chan struct{}),
	}
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.Cmd.Stdout = &lineWriter{to: &p.Log, lines: p.Lines}
	p.Cmd.Stderr = &p.Log
	// A grandchild that holds the output open must not hold up Wait.
	p.Cmd.WaitDelay = time.Second
	stdin, err := p.Cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	require.NoError(t, p.Cmd.Start(), "starting %s", name)

	go func() {
		defer close(p.exited)
		_ = p.Cmd.Wait()
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, p.Log.Tail())
		}
	})
	return p
}

// Kill ends the whole process group and waits for the end.
func (p *Process) Kill() {
	_ = p.stdin.Close()
	err := syscall.Kill(-p.Cmd.Process.Pid, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.Cmd.Process.Kill()
	}
	<-p.exited
}

// line waits for the next line on the program's standard output.
func (p *Process) line(t *testing.T) string {
	t.Helper()
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	select {
	case line := <-p.Lines:
		return line
	case <-timeout.C:
		require.FailNow(t, "no line from "+p.Name, "in %s", Timeout)
	case <-p.exited:
		// What it wrote last is there before it counts as ended.
		select {
		case line := <-p.Lines:
			return line
		default:
			require.FailNow(t, p.Name+" ended before its line", p.Log.Tail())
		}
	}
	return ""
}

// RequireRunning ends the test when the program has ended.
func (p *Process) RequireRunning(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		require.FailNow(t, p.Name+" has ended", p.Log.Tail())
	default:
	}
}

// output keeps what a program says.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.Write(p)
}

// String returns all of it.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

// Tail returns the last 16 KiB of it.
func (o *output) Tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	data := o.data.Bytes()
	if most := 16 << 10; len(data) > most {
		data = data[len(data)-most:]
	}
	return string(data)
}

// lineWriter hands on each whole line and forgets those that nobody waits for.
type lineWriter struct {
	to    io.Writer
	lines chan<- string
	rest  string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest += string(p)
	for {
		line, rest, found := strings.Cut(w.rest, "\n")
		if !found {
			return w.to.Write(p)
		}
		w.rest = rest
		select {
		case w.lines <- line:
		default:
		}
	}
}

func (p *Process) Signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, p.Cmd.Process.Signal(signal))
}

// RequireExited waits until the program has ended.
func (p *Process) RequireExited(t *testing.T) {
	t.Helper()
	RequireEventually(t, p.Name+" has ended", func() bool {
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	})
}
