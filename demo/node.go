package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// node is one Socket.IO server, which the page can stop and start.
type node struct {
	name string
	root string // of the module
	args []string
	out  io.Writer

	changing sync.Mutex // held by the one start or stop that is under way
	port     int        // set by the first start and then kept: the upstream list names it
	current  atomic.Pointer[local.Process]
}

// errNodeStarting is returned when a node cannot be started again on its port.
var errNodeStarting = errors.New("node did not start")

// start starts the node, unless it runs, and returns when it takes connections.
// The port of a stopped node can be taken for a moment by an outgoing
// connection of another program, so a restart is tried more than once.
func (n *node) start(ctx context.Context) error {
	n.changing.Lock()
	defer n.changing.Unlock()
	if n.running() {
		return nil
	}
	again := n.port != 0
	for try := 1; ; try++ {
		err := n.startOnce(ctx)
		if err == nil {
			return nil
		}
		if !again || try == 5 || ctx.Err() != nil {
			return err
		}
		time.Sleep(time.Duration(try) * 100 * time.Millisecond)
	}
}

func (n *node) startOnce(ctx context.Context) error {
	ready := make(chan int, 1)
	p, err := local.Start(local.Options{
		Name:       "node " + n.name,
		Args:       append([]string{"node", filepath.Join("testdata", "socketio", "node.js"), "--name", n.name, "--port", strconv.Itoa(n.port)}, n.args...),
		Dir:        n.root,
		KeepOutput: keptOutput,
		OnLine: func(line string) {
			var hello struct{ Port int }
			if json.Unmarshal([]byte(line), &hello) == nil && hello.Port != 0 {
				select {
				case ready <- hello.Port:
				default:
				}
			}
		},
	})
	if err != nil {
		return err
	}
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	select {
	case port := <-ready:
		if n.port == 0 {
			n.port = port
		}
		n.current.Store(p)
		go n.watch(p)
		return nil
	case <-p.Exited():
		return fmt.Errorf("%w: %w", errNodeStarting, p.Err())
	case <-ctx.Done():
		p.Stop(stopGrace)
		return ctx.Err()
	case <-limit.C:
		p.Stop(stopGrace)
		return fmt.Errorf("%w: node %s is not ready after %s", errNodeStarting, n.name, startLimit)
	}
}

// stop ends the node and returns when it is gone.
func (n *node) stop() {
	n.changing.Lock()
	defer n.changing.Unlock()
	if p := n.current.Swap(nil); p != nil {
		p.Stop(stopGrace)
	}
}

// watch prints an error when the node ends by itself.
func (n *node) watch(p *local.Process) {
	<-p.Exited()
	if n.current.CompareAndSwap(p, nil) {
		fmt.Fprintln(n.out, p.Err())
	}
}

// broadcast has the node send news to all clients that it reaches: its own and, with
// an adapter, those of the others.
func (n *node) broadcast(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+n.address()+"/news", http.NoBody)
	if err != nil {
		return fmt.Errorf("asking node %s to broadcast: %w", n.name, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking node %s to broadcast: %w", n.name, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("asking node %s to broadcast: %s", n.name, resp.Status)
	}
	return nil
}

func (n *node) running() bool {
	p := n.current.Load()
	return p != nil && p.Running()
}

func (n *node) address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
}

// nodes are all of the demo's, in the order of the page.
type nodes []*node

// newNodes names them a, b, c and so on, and gives node.js these arguments more.
func newNodes(root string, count int, args []string, out io.Writer) nodes {
	all := make(nodes, 0, count)
	for i := range count {
		all = append(all, &node{name: string(rune('a' + i)), root: root, args: args, out: out})
	}
	return all
}

func (all nodes) startAll(ctx context.Context) error {
	return all.each(func(n *node) error { return n.start(ctx) })
}

func (all nodes) stopAll() {
	_ = all.each(func(n *node) error { n.stop(); return nil })
}

// each calls do for all nodes at once and returns the first node's error.
func (all nodes) each(do func(*node) error) error {
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, n := range all {
		wait.Go(func() { errs[i] = do(n) })
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (all nodes) addresses() []string {
	addresses := make([]string, 0, len(all))
	for _, n := range all {
		addresses = append(addresses, n.address())
	}
	return addresses
}
