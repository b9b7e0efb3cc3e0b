package caddy

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptrace"
	"sync"
	"syscall"
)

// connectTrace is what a request has seen of the connection to its upstream. The
// transport tells it from goroutines of its own, perhaps after the request has
// gone on without them.
type connectTrace struct {
	mu sync.Mutex

	// connected says that there was a connection in this try, and err why none
	// could be made. A host with several addresses may bring both.
	connected bool
	err       error

	// sent says that the request was sent to an upstream, in this try or before.
	sent bool
}

// withTrace returns a request that tells t of its connections to upstreams.
func (t *connectTrace) withTrace(r *http.Request) *http.Request {
	return r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{
		DNSDone:      func(info httptrace.DNSDoneInfo) { t.tried(info.Err) },
		ConnectDone:  func(_, _ string, err error) { t.dialed(err) },
		GotConn:      func(httptrace.GotConnInfo) { t.dialed(nil) },
		WroteHeaders: t.wroteHeaders,
	}))
}

// tried notes why a connection could not be made, if so.
func (t *connectTrace) tried(err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
}

// dialed notes that a connection was made, or why not.
func (t *connectTrace) dialed(err error) {
	if err != nil {
		t.tried(err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connected = true
}

// wroteHeaders notes that the request was sent.
func (t *connectTrace) wroteHeaders() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = true
}

// endTry returns why the try that ends here made no connection, or nil if it
// made one, or did not try to.
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

// forget starts anew, for another reverse_proxy.
func (t *connectTrace) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.connected, t.err, t.sent = false, nil, false
}

// isLocal reports whether an error of a dial says that this machine is out of
// something, and so nothing of the upstream.
func isLocal(err error) bool {
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EADDRNOTAVAIL} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
