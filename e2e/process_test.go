package e2e

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

// process is a child program in its own process group. It ends with its test
// at the latest, and its output is part of the report of a test that failed.
type process struct {
	name   string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  chan string   // what it writes to stdout
	exited chan struct{} // closed once it has ended
	log    output
}

// tether is a shell program that runs its arguments as a command and ends it
// when standard input closes, for programs that do not do so by themselves: so
// nothing outlives a test binary that is killed or that panics on a timeout.
const tether = `
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
{ cat <&3 >/dev/null; kill -KILL $child; } 2>/dev/null &
exec 3<&-
wait $child`

// startTethered starts a program that knows nothing of its standard input.
func startTethered(t *testing.T, name string, env []string, argv ...string) *process {
	t.Helper()
	return start(t, name, env, append([]string{"sh", "-c", tether, "tether"}, argv...)...)
}

// start starts a program that exits when its standard input closes.
func start(t *testing.T, name string, env []string, argv ...string) *process {
	t.Helper()
	p := &process{
		name:   name,
		cmd:    exec.Command(argv[0], argv[1:]...),
		lines:  make(chan string, 64),
		exited: make(chan struct{}),
	}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout = &lineWriter{to: &p.log, lines: p.lines}
	p.cmd.Stderr = &p.log
	// A grandchild that holds the output open must not hold up Wait.
	p.cmd.WaitDelay = time.Second
	stdin, err := p.cmd.StdinPipe()
	require.NoError(t, err)
	p.stdin = stdin
	require.NoError(t, p.cmd.Start(), "starting %s", name)

	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait()
	}()
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("output of %s:\n%s", name, p.log.tail())
		}
	})
	return p
}

// stop ends the whole process group and waits for the end.
func (p *process) stop() {
	_ = p.stdin.Close()
	err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	if err != nil && !errors.Is(err, syscall.ESRCH) {
		_ = p.cmd.Process.Kill()
	}
	<-p.exited
}

// line waits for the next line on the program's standard output.
func (p *process) line(t *testing.T) string {
	t.Helper()
	timeout := time.NewTimer(guard)
	defer timeout.Stop()
	select {
	case line := <-p.lines:
		return line
	case <-timeout.C:
		require.FailNow(t, "no line from "+p.name, "in %s", guard)
	case <-p.exited:
		// What it wrote last is there before it counts as ended.
		select {
		case line := <-p.lines:
			return line
		default:
			require.FailNow(t, p.name+" ended before its line", p.log.tail())
		}
	}
	return ""
}

// requireRuns ends the test when the program has ended.
func (p *process) requireRuns(t *testing.T) {
	t.Helper()
	select {
	case <-p.exited:
		require.FailNow(t, p.name+" has ended", p.log.tail())
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

// tail returns the last 16 KiB of it.
func (o *output) tail() string {
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
