package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/eio-affinity/affinity/internal/peers"
)

// stage is a system with its nodes, for scenarios.
type stage struct {
	system  *peers.System
	version int // of Socket.IO
	browser func() (*browser, error)
	proxy   *peers.Running

	mu    sync.Mutex
	nodes map[string]*node
}

// names are those of the nodes in the beginning, and newcomer that of one more.
var names = []string{"a", "b", "c"}

const newcomer = "d"

// open starts the nodes, unless they run, and the system anew.
func (s *stage) open(ctx context.Context) error {
	if s.proxy != nil {
		s.proxy.Stop()
	}
	if s.nodes == nil && !s.system.Workers {
		if err := s.startNodes(ctx); err != nil {
			return err
		}
	}
	var err error
	s.proxy, err = s.start(ctx, s.system)
	return err
}

// startNodes starts all nodes at once.
func (s *stage) startNodes(ctx context.Context) error {
	s.nodes = map[string]*node{}
	var started sync.WaitGroup
	errs := make([]error, len(names))
	for i, name := range names {
		started.Go(func() { errs[i] = s.startNode(ctx, name) })
	}
	started.Wait()
	return errors.Join(errs...)
}

// start starts a system in front of the nodes.
func (s *stage) start(ctx context.Context, system *peers.System) (*peers.Running, error) {
	site := peers.Site{}
	if system.Workers {
		site.Workers, site.WorkerFlags = len(names), s.flags()
	} else {
		for _, name := range names {
			site.Nodes = append(site.Nodes, s.nodes[name].address)
		}
	}
	return system.Start(ctx, site)
}

// flags are those of the nodes. They let pages of every site connect.
func (s *stage) flags() []string {
	if s.version == 2 {
		return []string{"--socketio", "2"} // it lets them anyway, and sets the cookie io
	}
	return append([]string{"--cors"}, s.system.NodeFlags...)
}

func (s *stage) startNode(ctx context.Context, name string) error {
	n, err := startNode(ctx, name, s.flags()...)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes[name] = n
	return nil
}

// addNode starts one more node, and returns once the system knows it.
func (s *stage) addNode(ctx context.Context) error {
	if s.system.Workers {
		return s.proxy.AddNode(ctx, "")
	}
	if err := s.startNode(ctx, newcomer); err != nil {
		return err
	}
	return s.proxy.AddNode(ctx, s.nodes[newcomer].address)
}

// killNode kills a node.
func (s *stage) killNode(name string) error {
	if s.system.Workers {
		pid, exists := s.proxy.Workers()[name]
		if !exists {
			return fmt.Errorf("there is no worker %s", name)
		}
		worker, err := os.FindProcess(pid)
		if err != nil {
			return err
		}
		return worker.Kill()
	}
	s.nodes[name].Kill()
	return nil
}

// page returns the address of a server of the page for browsers: a node, or for a
// cluster the cluster itself.
func (s *stage) page() string {
	if s.system.Workers {
		return s.proxy.URL
	}
	return "http://" + s.nodes[names[0]].address
}

// close ends everything, also of a stage that could not be opened.
func (s *stage) close() {
	if s.proxy != nil {
		s.proxy.Stop()
	}
	for _, name := range append(slices.Clone(names), newcomer) {
		if n := s.nodes[name]; n != nil {
			n.Kill()
		}
	}
}
