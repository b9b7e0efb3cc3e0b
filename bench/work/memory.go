package work

import (
	"context"
	"time"

	"github.com/eio-affinity/affinity/bench/systems"
)

// Transport is how idle sessions are open.
type Transport string

// The transports.
const (
	WebSocket Transport = "WebSocket"
	Polling   Transport = "polling"
)

// Memory is what one idle session takes, in bytes.
type Memory struct {
	// Resident is of the memory that the kernel counts.
	Resident int

	// InUse is heap and stacks after a collection, of a Go program only.
	InUse int
}

// IdleSessions opens this many sessions, a few at a time, which then send nothing,
// and returns what each takes. Each has its own connection.
func IdleSessions(ctx context.Context, r *systems.Running, transport Transport, sessions int) (Memory, error) {
	opener := newOpener(ctx, r.Client(4), transport)
	defer opener.close()
	if err := opener.open(openers); err != nil { // what the first sessions bring with them is not counted
		return Memory{}, r.WithLog(err)
	}
	if err := settle(ctx, r); err != nil {
		return Memory{}, err
	}
	before, err := usage(r)
	if err != nil {
		return Memory{}, err
	}
	if err := opener.open(sessions); err != nil {
		return Memory{}, r.WithLog(err)
	}
	if err := settle(ctx, r); err != nil {
		return Memory{}, err
	}
	after, err := usage(r)
	return Memory{Resident: (after.Resident - before.Resident) / sessions, InUse: (after.InUse - before.InUse) / sessions}, err
}

// usage returns what the system has now. The memory that the kernel counts is read
// first, before a collection frees some of it.
func usage(r *systems.Running) (Memory, error) {
	resident, err := r.Resident()
	if err != nil {
		return Memory{}, err
	}
	inUse, _, err := r.Heap()
	return Memory{Resident: resident, InUse: inUse}, err
}

// settle waits until the system has done what the last requests have caused: its CPU
// time has hardly grown for a while.
func settle(ctx context.Context, r *systems.Running) error {
	const pause, still, patience = 200 * time.Millisecond, 5 * time.Millisecond, 50
	last, err := r.CPUTime()
	for range patience {
		if err != nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(pause)
		var now time.Duration
		if now, err = r.CPUTime(); now-last < still {
			return err
		}
		last = now
	}
	return err
}
