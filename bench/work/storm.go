package work

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eio-affinity/affinity/bench/engineio"
	"github.com/eio-affinity/affinity/bench/systems"
)

// Storm is what happened when all nodes were restarted at once.
type Storm struct {
	// Clients is how many clients there are.
	Clients int

	// Up is how long after the restart the last client had a session again.
	Up time.Duration

	// Errors is how many attempts to connect failed once the nodes were up.
	Errors int

	// CPU is the CPU time of the proxies for all of it.
	CPU time.Duration
}

// Socket.IO clients wait reconnectionDelay, give or take half of it
// (randomizationFactor), and twice as long after each failure, up to
// reconnectionDelayMax.
const (
	reconnectionDelay    = time.Second
	reconnectionDelayMax = 5 * time.Second
)

// Restart opens a session over WebSocket for each client, through the proxies in
// turn, restarts all nodes, and waits until all clients have a session again. It
// replaces the nodes in the list by the new ones.
func Restart(ctx context.Context, proxies []*systems.Running, nodes []*engineio.Node, clients int) (Storm, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	sessions := make([]*engineio.WebSocket, clients)
	options := func(i int) engineio.Options {
		return proxies[i%len(proxies)].Client(4)
	}
	for i := range sessions {
		var err error
		if sessions[i], err = engineio.OpenWebSocket(ctx, options(i)); err != nil {
			return Storm{}, fmt.Errorf("client %d: %w", i, err)
		}
	}
	before, err := cpuTime(proxies)
	if err != nil {
		return Storm{}, err
	}

	engineio.StopNodes(nodes)
	for i, n := range nodes {
		if nodes[i], err = engineio.StartNode(n.Name, "2", n.Address); err != nil {
			return Storm{}, err
		}
	}
	up := time.Now()
	var failures atomic.Int64
	last := make([]time.Time, clients)
	var all sync.WaitGroup
	for i, session := range sessions {
		all.Go(func() {
			session.WaitClosed()
			session.Close()
			delay := reconnectionDelay
			for ctx.Err() == nil {
				time.Sleep(delay/2 + rand.N(delay)) //nolint:gosec // as clients do
				reopened, err := engineio.OpenWebSocket(ctx, options(i))
				if err == nil {
					last[i] = time.Now()
					sessions[i] = reopened
					return
				}
				failures.Add(1)
				delay = min(2*delay, reconnectionDelayMax)
			}
		})
	}
	all.Wait()
	after, err := cpuTime(proxies)
	storm := Storm{Clients: clients, Errors: int(failures.Load()), CPU: after - before}
	for i, session := range sessions {
		storm.Up = max(storm.Up, last[i].Sub(up))
		session.Close()
	}
	if ctx.Err() != nil {
		return Storm{}, fmt.Errorf("not all clients have reconnected: %w", ctx.Err())
	}
	return storm, err
}

// cpuTime returns the CPU time of several systems together.
func cpuTime(proxies []*systems.Running) (sum time.Duration, err error) {
	for _, r := range proxies {
		taken, err := r.CPUTime()
		if err != nil {
			return 0, err
		}
		sum += taken
	}
	return sum, nil
}
