package caddy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

const (
	// defaultHandshakeTimeout is the default of handshake_timeout. It is several
	// times what an overloaded node takes between two answers (make storm), and
	// leaves a client that meets two frozen nodes most of its own 20 seconds.
	defaultHandshakeTimeout = 3 * time.Second

	// maxHandshakeResends is how many upstreams at most a handshake is taken from,
	// if lb_retries does not set fewer.
	maxHandshakeResends = 3
)

// handshakeTimeout is the handshake_timeout of a policy, and what its
// reverse_proxy says about retries.
type handshakeTimeout struct {
	waiting *waitingHandshakes

	// period is the timeout. With 0, there is none.
	period time.Duration

	// resends is how often a request may be sent again, and tryDuration how long
	// after its first try at most, if it is not 0.
	resends     int
	tryDuration time.Duration
}

// newHandshakeTimeout returns the timeout of a policy for a reverse_proxy, which
// is nil if it is unknown.
func newHandshakeTimeout(waiting *waitingHandshakes, period time.Duration, proxy *reverseproxy.Handler) handshakeTimeout {
	t := handshakeTimeout{waiting: waiting, period: period}
	if proxy == nil || proxy.LoadBalancing == nil {
		return t
	}
	t.tryDuration = time.Duration(proxy.LoadBalancing.TryDuration)
	t.resends = proxy.LoadBalancing.Retries
	if t.resends == 0 && t.tryDuration > 0 || t.resends > maxHandshakeResends {
		t.resends = maxHandshakeResends
	}
	return t
}

// watchHandshake watches a try of a request that opens a session. If the upstream
// does not answer in time, the try fails as if the upstream could not be dialed,
// so that reverse_proxy retries. Where no other upstream would be better, it waits
// as long as the client does, as it would without a timeout. It returns false if the
// request opens no session, or may not be sent again, or there is no timeout.
//
// The try has a trace of its own, which also records how it connects.
func (a *AffinitySelection) watchHandshake(pool reverseproxy.UpstreamPool, req *http.Request, upstream *reverseproxy.Upstream, state *requestState) bool {
	t := a.handshakes
	if t.period == 0 || !state.mayResend {
		return false
	}
	w := &handshakeWatch{waiting: t.waiting, dial: upstream.Dial}
	if state.tries <= t.resends && !state.hasTried(upstream) && a.hasAlternative(pool, upstream, state) {
		w.err = &handshakeTimeoutError{upstream: upstream.String(), period: t.period}
		w.interval = t.period / silentChecks
		if t.tryDuration > 0 {
			w.deadline = state.began.Add(t.tryDuration)
		}
	}
	state.watch = w

	parent := req.Context()
	if former, ok := parent.(tryContext); ok {
		parent = former.parent
	}
	state.traced = true
	*req = *req.WithContext(w.start(parent, state.connects.hooks()))
	return true
}

// hasAlternative reports whether there is another upstream that there is no
// reason to avoid.
func (a *AffinitySelection) hasAlternative(pool reverseproxy.UpstreamPool, upstream *reverseproxy.Upstream, state *requestState) bool {
	for _, other := range pool {
		if other.Dial != upstream.Dial && other.Available() && a.rate(other, state) == eligible {
			return true
		}
	}
	return false
}

// endWatch ends the watch of a try of the request, if there was one. An upstream
// that has not answered cools down.
func (a *AffinitySelection) endWatch(state *requestState, upstream *reverseproxy.Upstream) {
	err := state.endWatch()
	if err == nil {
		return
	}
	state.connects.forgetSent() // the request is to be sent again
	coolsDown, starts := a.coolDowns.has(upstream), false
	if !strings.Contains(upstream.Dial, "{") {
		state.stats.unanswered.Add(1)
		starts = a.coolDowns.start(upstream, err) && !coolsDown
	}
	a.logHandshakeTimeout(upstream, err, starts)
}

// tryContext is the context of a try of a request. It ends with the request, or
// with a *handshakeTimeoutError. Err returns that too: reverse_proxy takes
// context.Canceled for a client that has gone.
type tryContext struct {
	context.Context
	parent context.Context
}

// Err implements [context.Context].
func (c tryContext) Err() error {
	err := c.Context.Err()
	if err == nil {
		return nil
	}
	if cause := context.Cause(c.Context); errors.As(cause, new(*handshakeTimeoutError)) {
		return cause
	}
	return err
}

// start returns the context of the watched try, with these hooks.
func (w *handshakeWatch) start(parent context.Context, hooks *httptrace.ClientTrace) tryContext {
	ctx, cancel := context.WithCancelCause(parent)
	w.cancel = cancel
	w.upstream = w.waiting.join(w.dial)
	hooks.WroteRequest, hooks.GotFirstResponseByte = w.noteWrote, w.noteAnswer
	return tryContext{parent: parent, Context: httptrace.WithClientTrace(ctx, hooks)}
}

// handshakeTimeoutError ends a try whose upstream does not answer. For
// reverse_proxy it is a failed dial, so a request that it may retry, and a timeout,
// which it answers with 504 if it does not.
type handshakeTimeoutError struct {
	upstream string
	period   time.Duration
}

// Error implements error.
func (e *handshakeTimeoutError) Error() string {
	return fmt.Sprintf("%s did not answer a handshake within %s", e.upstream, e.period)
}

// Timeout implements [net.Error].
func (e *handshakeTimeoutError) Timeout() bool { return true }

// Temporary implements [net.Error].
func (e *handshakeTimeoutError) Temporary() bool { return true }

// Unwrap returns a [reverseproxy.DialError].
func (e *handshakeTimeoutError) Unwrap() error {
	return reverseproxy.NewDialError(context.DeadlineExceeded)
}
