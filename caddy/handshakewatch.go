package caddy

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// silentChecks is how many checks in a row must find an upstream silent. There
// are several, so that a pause of this process, which delays its checks and the
// answers alike, counts as one of them.
const silentChecks = 4

// waitingHandshakes has the upstreams that have handshakes to answer. It is safe
// for concurrent use.
type waitingHandshakes struct {
	mu sync.Mutex
	// upstreams has each of them by dial address, for as long as a handshake waits
	// for it.
	upstreams map[string]*upstreamHandshakes
}

// upstreamHandshakes counts the handshakes that wait for an upstream, and those of
// them that it has answered, with whatever status.
type upstreamHandshakes struct {
	waiting  int // guarded by the mutex of waitingHandshakes
	answered atomic.Uint64
}

// newWaitingHandshakes returns a waitingHandshakes without upstreams.
func newWaitingHandshakes() *waitingHandshakes {
	return &waitingHandshakes{upstreams: map[string]*upstreamHandshakes{}}
}

// join adds a handshake that waits for the upstream at an address.
func (h *waitingHandshakes) join(dial string) *upstreamHandshakes {
	h.mu.Lock()
	defer h.mu.Unlock()
	upstream := h.upstreams[dial]
	if upstream == nil {
		upstream = new(upstreamHandshakes)
		h.upstreams[dial] = upstream
	}
	upstream.waiting++
	return upstream
}

// leave removes a handshake that has waited for the upstream at an address.
func (h *waitingHandshakes) leave(dial string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	upstream := h.upstreams[dial]
	if upstream.waiting--; upstream.waiting == 0 {
		delete(h.upstreams, dial)
	}
}

// handshakeWatch watches one try of a handshake, from the moment the request has
// been written until the first byte of the answer. It cancels the try if
// silentChecks checks in a row find that the upstream has answered neither this
// handshake nor any other. An upstream that is slow, because it is overloaded or
// because it takes its time for some clients, answers others meanwhile; one that
// is frozen does not. So no client can make a busy upstream look frozen.
//
// The transport calls it from goroutines of its own.
type handshakeWatch struct {
	waiting  *waitingHandshakes
	dial     string
	upstream *upstreamHandshakes
	cancel   context.CancelCauseFunc

	// err is what the try is canceled with. If it is nil, the try is not canceled,
	// but its answer still counts for the others.
	err      error
	interval time.Duration // of the checks
	deadline time.Time     // after which a try is not canceled, if not zero

	mu       sync.Mutex
	phase    watchPhase
	timer    *time.Timer
	answered uint64 // by the upstream at the last check
	silent   int    // checks in a row
}

// watchPhase is how far a watched try is.
type watchPhase int

const (
	awaitingAnswer watchPhase = iota
	gotAnswer
	timedOut
)

// noteWrote begins the checks, again if the transport sends the request once more
// because the upstream has closed an idle connection.
func (w *handshakeWatch) noteWrote(info httptrace.WroteRequestInfo) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if info.Err != nil || w.err == nil || w.phase != awaitingAnswer {
		return
	}
	w.answered, w.silent = w.upstream.answered.Load(), 0
	if w.timer == nil {
		w.timer = time.AfterFunc(w.interval, w.check)
	} else {
		w.timer.Reset(w.interval)
	}
}

// noteAnswer records that the upstream has begun to answer.
func (w *handshakeWatch) noteAnswer() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finish(gotAnswer) {
		w.upstream.answered.Add(1)
	}
}

// check cancels the try if the upstream has been silent for long enough.
func (w *handshakeWatch) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase != awaitingAnswer || !w.deadline.IsZero() && !time.Now().Before(w.deadline) {
		return
	}
	answered := w.upstream.answered.Load()
	if answered == w.answered {
		w.silent++
	} else {
		w.answered, w.silent = answered, 0
	}
	if w.silent < silentChecks {
		w.timer.Reset(w.interval)
		return
	}
	w.finish(timedOut)
	w.cancel(w.err)
}

// finish ends the wait for the answer. It reports false if it has ended before.
func (w *handshakeWatch) finish(phase watchPhase) bool {
	if w.phase != awaitingAnswer {
		return false
	}
	w.phase = phase
	if w.timer != nil {
		w.timer.Stop()
	}
	w.waiting.leave(w.dial)
	return true
}

// end ends the watch together with the try. It returns the error that it has
// canceled the try with, or nil.
func (w *handshakeWatch) end() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finish(gotAnswer) // or the client has left, or the connection has broken
	w.cancel(nil)
	if w.phase == timedOut {
		return w.err
	}
	return nil
}
