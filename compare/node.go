package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"strconv"

	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// node is a Socket.IO node in a process of its own.
type node struct {
	*local.Process
	address string // host:port
}

// startNode starts a stock node, testdata/socketio/node.js, and returns once it is up.
func startNode(ctx context.Context, name string, flags ...string) (*node, error) {
	up := make(chan int, 1)
	p, err := startProgram(append([]string{"node.js", "--name", name}, flags...), func(line string) {
		var hello struct{ Port int }
		if json.Unmarshal([]byte(line), &hello) == nil && hello.Port != 0 {
			up <- hello.Port
		}
	})
	if err != nil {
		return nil, err
	}
	port := 0
	err = p.WaitUntil(ctx, peers.Limit, "node "+name+" is up", func() bool {
		select {
		case port = <-up:
			return true
		default:
			return false
		}
	})
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("starting node %s: %w", name, err)
	}
	return &node{Process: p, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// startProgram starts a program of testdata/socketio.
func startProgram(args []string, onLine func(string), env ...string) (*local.Process, error) {
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	program := filepath.Join(root, "testdata", "socketio", args[0])
	return local.Start(local.Options{
		Name: args[0], Args: append([]string{"node", program}, args[1:]...), Env: env, OnLine: onLine,
	})
}
