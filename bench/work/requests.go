// Package work is what the benchmark has the systems do, and what it measures.
package work

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/eio-affinity/affinity/bench/engineio"
	"github.com/eio-affinity/affinity/bench/systems"
)

// Kind is a kind of requests or messages.
type Kind struct {
	Name string

	// version is the protocol version of the clients.
	version int

	// prepare returns what one client sends again and again. The client has a
	// connection of its own.
	prepare func(ctx context.Context, o engineio.Options) (send func(context.Context) error, end func(), err error)
}

// The names of kinds that other tables need. A ping costs as much as a SmallMessage.
const (
	Poll         = "poll"
	Handshake    = "handshake"
	SmallMessage = "WebSocket message, 100 B"
)

// Kinds has all kinds, in the order of the tables.
var Kinds = []Kind{
	{Name: Poll, version: 4, prepare: poll},
	{Name: Handshake, version: 4, prepare: handshake},
	{Name: "poll of Socket.IO 2", version: 3, prepare: poll},
	{Name: "handshake of Socket.IO 2", version: 3, prepare: handshake},
	{Name: SmallMessage, version: 4, prepare: message(100)},
	{Name: "WebSocket message, 10 kB", version: 4, prepare: message(10_000)},
}

// poll sends polls of an open session.
func poll(ctx context.Context, o engineio.Options) (func(context.Context) error, func(), error) {
	client := engineio.NewClient(o)
	return client.Poll, client.Close, client.Open(ctx)
}

// handshake opens sessions.
func handshake(ctx context.Context, o engineio.Options) (func(context.Context) error, func(), error) {
	client := engineio.NewClient(o)
	return client.Handshake, client.Close, client.Handshake(ctx)
}

// message sends messages of a size, which come back.
func message(size int) func(context.Context, engineio.Options) (func(context.Context) error, func(), error) {
	return func(ctx context.Context, o engineio.Options) (func(context.Context) error, func(), error) {
		ws, err := engineio.OpenWebSocket(ctx, o)
		if err != nil {
			return nil, nil, err
		}
		text := slices.Repeat([]byte("a"), size)
		return func(context.Context) error { return ws.Echo(text) }, ws.Close, nil
	}
}

// Round is what one round of requests took.
type Round struct {
	// CPU is the CPU time of the system for one request.
	CPU time.Duration

	// Wall is how long the round took for each request, with all clients sending.
	Wall time.Duration

	// Median and P99 are latencies.
	Median, P99 time.Duration
}

// Requests has this many clients send this many requests together, and measures
// them after a warm-up.
func (k Kind) Requests(ctx context.Context, r *systems.Running, clients, requests int) (Round, error) {
	o := r.Client(k.version)
	sends := make([]func(context.Context) error, clients)
	for i := range sends {
		send, end, err := k.prepare(ctx, o)
		if err != nil {
			return Round{}, r.WithLog(err)
		}
		defer end()
		sends[i] = send
	}
	each := requests / clients
	if _, err := sendAll(ctx, sends, each/10+1); err != nil {
		return Round{}, r.WithLog(err)
	}

	before, err := r.CPUTime()
	if err != nil {
		return Round{}, err
	}
	began := time.Now()
	latencies, err := sendAll(ctx, sends, each)
	wall := time.Since(began)
	if err != nil {
		return Round{}, r.WithLog(err)
	}
	after, err := r.CPUTime()
	slices.Sort(latencies)
	count := len(latencies)
	return Round{
		CPU:    (after - before) / time.Duration(count),
		Wall:   wall / time.Duration(count),
		Median: latencies[count/2],
		P99:    latencies[count*99/100],
	}, err
}

// sendAll has each client send so many requests, and returns how long each took.
func sendAll(ctx context.Context, sends []func(context.Context) error, each int) ([]time.Duration, error) {
	failed := make([]error, len(sends))
	latencies := make([][]time.Duration, len(sends))
	var done sync.WaitGroup
	for i, send := range sends {
		done.Go(func() {
			latencies[i] = make([]time.Duration, 0, each)
			for n := range each {
				began := time.Now()
				if err := send(ctx); err != nil {
					failed[i] = fmt.Errorf("request %d: %w", n, err)
					return
				}
				latencies[i] = append(latencies[i], time.Since(began))
			}
		})
	}
	done.Wait()
	return slices.Concat(latencies...), errors.Join(failed...)
}
