package caddy

import (
	"context"
	"errors"
	"net/http/httptrace"
	"sync"
	"syscall"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// connectTrace records how the tries of a request connect to their upstreams.
// The transport calls it from goroutines of its own, which may outlive a try.
type connectTrace struct {
	mu sync.Mutex

	// connected reports whether this try has a connection, and err is the last
	// failure to make one. An upstream with several addresses may cause both.
	connected bool
	err       error

	// sent reports whether this or an earlier try has sent the request.
	sent bool
}

// hooks returns what the transport calls for the request.
func (t *connectTrace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone:      func(info httptrace.DNSDoneInfo) { t.noteError(info.Err) },
		ConnectDone:  func(_, _ string, err error) { t.noteConnect(err) },
		GotConn:      func(httptrace.GotConnInfo) { t.noteConnect(nil) },
		WroteHeaders: t.noteSent,
	}
}

// noteError records why a connection could not be made, if err is not nil.
func (t *connectTrace) noteError(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// noteConnect records that a connection was made, or why not.
func (t *connectTrace) noteConnect(err error) {
	if err != nil {
		t.noteError(err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connected = true
}

// noteSent records that the request was sent.
func (t *connectTrace) noteSent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = true
}

// endTry ends a try, and returns why it could not connect. The error is nil if it
// connected, or did not try to.
func (t *connectTrace) endTry() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	err := t.err
	if t.connected {
		err = nil
	}
	t.connected, t.err = false, nil
	return err
}

// wasSent reports whether the request was sent to an upstream.
func (t *connectTrace) wasSent() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sent
}

// forgetSent forgets that the request was sent, as it may be sent again.
func (t *connectTrace) forgetSent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = false
}

// reset forgets all tries, for another reverse_proxy.
func (t *connectTrace) reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connected, t.err, t.sent = false, nil, false
}

// errDial is why a try failed that was not traced. The true reason is not known. It may
// lie with this machine; then the cool-down does no harm, as dialing the other
// upstreams fails too.
var errDial = errors.New("could not be dialed")

// dialError returns the failed dial that an error of reverse_proxy is about, or nil.
func dialError(err error) error {
	if err == nil {
		return nil
	}
	var failed reverseproxy.DialError
	if !errors.As(err, &failed) {
		return nil
	}
	return failed
}

// isLocal reports whether a dial failed because this machine has run out of a
// resource, which says nothing about the upstream.
func isLocal(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
