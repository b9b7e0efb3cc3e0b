package testbed

import (
	"encoding/json"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// processPool has programs of one kind, each of which one test at a time has, as
// starting one costs as much CPU as most tests have it do. They end when this process
// does.
type processPool struct {
	name, script string // the script is in testdata/socketio

	mu   sync.Mutex
	free []*Process // of no test
}

var (
	clientProcesses = &processPool{name: "clients", script: "rerun.js"}
	nodeProcesses   = &processPool{name: "nodes", script: "rerunnodes.js"}
)

// take returns a process for a test. When the test ends, it is given to other tests if
// this reports true and the test has not failed, and killed otherwise.
func (p *processPool) take(t *testing.T, idle func() bool) *Process {
	t.Helper()
	taken := p.pop()
	if taken == nil {
		taken = p.start(t)
	}
	t.Cleanup(func() {
		logIfFailed(t, taken.Process)
		if t.Failed() || !idle() {
			taken.Kill()
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.free = append(p.free, taken)
	})
	return taken
}

// pop removes the process that was used last, or returns nil.
func (p *processPool) pop() *Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 {
		last := len(p.free) - 1
		taken := p.free[last]
		p.free = p.free[:last]
		if taken.Running() {
			return taken
		}
	}
	return nil
}

func (p *processPool) start(t *testing.T) *Process {
	t.Helper()
	const keep = 32 << 10
	started := &Process{Lines: make(chan string, 1000)}
	var err error
	started.Process, err = local.Start(local.Options{
		Name: p.name, KeepOutput: keep, OnLine: started.keepLine,
		Args: []string{"node", Path("testdata", "socketio", p.script)},
	})
	require.NoError(t, err)
	return started
}

// endRun has a process of a pool end what a test had it run, and reports whether it has.
func (p *Process) endRun(t *testing.T) bool {
	t.Helper()
	p.sendLine(t, nil)
	return p.Line(t) == "ended"
}

// sendLine writes a value to standard input, as a line of JSON.
func (p *Process) sendLine(t *testing.T, value any) {
	t.Helper()
	require.NoError(t, json.NewEncoder(p.Stdin).Encode(value))
}
