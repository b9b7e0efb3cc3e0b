package caddy

import (
	"context"
	"errors"
	"net"
	"net/http/httptrace"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// testedTimeout is the timeout of the watches of these tests.
const testedTimeout = 4 * time.Second

// newWatch returns the watch of a handshake that has been sent to node1, and its
// context.
func newWatch(waiting *waitingHandshakes) (*handshakeWatch, context.Context) {
	w := &handshakeWatch{
		waiting: waiting, dial: "node1:3000",
		err: &handshakeTimeoutError{upstream: "node1:3000", period: testedTimeout}, interval: testedTimeout / silentChecks,
	}
	ctx := w.start(context.Background(), new(httptrace.ClientTrace))
	w.noteWrote(httptrace.WroteRequestInfo{})
	return w, ctx
}

// bubble runs a test whose clock advances only while all of its goroutines wait.
func bubble(t *testing.T, test func(waiting *waitingHandshakes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		waiting := newWaitingHandshakes()
		test(waiting)
		assert.Empty(t, waiting.upstreams, "nothing waits any more")
	})
}

func TestATryIsCanceledWhenItsUpstreamIsSilentForTheTimeout(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w, ctx := newWatch(waiting)
		began := time.Now()
		<-ctx.Done()
		assert.Equal(t, testedTimeout, time.Since(began))
		require.Error(t, w.end())
	})
}

func TestATryIsNotCanceledOnceItsUpstreamAnswers(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w, ctx := newWatch(waiting)
		time.Sleep(testedTimeout - 1)
		w.noteAnswer()
		time.Sleep(2 * testedTimeout)
		require.NoError(t, ctx.Err())
		require.NoError(t, w.end())
	})
}

func TestATryIsNotCanceledWhileItsUpstreamAnswersOtherHandshakes(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w, ctx := newWatch(waiting)
		for range 10 {
			time.Sleep(testedTimeout / 2)
			other, _ := newWatch(waiting)
			other.noteAnswer()
			require.NoError(t, other.end())
			require.NoError(t, ctx.Err())
		}
		last := time.Now()
		<-ctx.Done()
		assert.LessOrEqual(t, time.Since(last), testedTimeout+w.interval)
		assert.GreaterOrEqual(t, time.Since(last), testedTimeout)
		require.Error(t, w.end())
	})
}

func TestATryIsCanceledWhateverOtherUpstreamsAnswer(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w, ctx := newWatch(waiting)
		other := &handshakeWatch{waiting: waiting, dial: "node2:3000"}
		other.start(context.Background(), new(httptrace.ClientTrace))
		time.Sleep(testedTimeout / 2)
		other.noteAnswer()
		require.NoError(t, other.end())
		time.Sleep(testedTimeout / 2)
		synctest.Wait()
		require.Error(t, ctx.Err())
		require.Error(t, w.end())
	})
}

func TestTheHandshakeTimeoutStartsWhenTheRequestIsWritten(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w := &handshakeWatch{waiting: waiting, err: errors.ErrUnsupported, interval: testedTimeout / silentChecks}
		ctx := w.start(context.Background(), new(httptrace.ClientTrace))
		w.noteWrote(httptrace.WroteRequestInfo{Err: errors.ErrUnsupported})
		time.Sleep(2 * testedTimeout)
		require.NoError(t, ctx.Err())

		w.noteWrote(httptrace.WroteRequestInfo{})
		time.Sleep(testedTimeout - 1)
		w.noteWrote(httptrace.WroteRequestInfo{}) // again, on another connection
		again := time.Now()
		<-ctx.Done()
		assert.Equal(t, testedTimeout, time.Since(again))
		require.Error(t, w.end())
	})
}

func TestATryIsNotCanceledAfterTheLastRetry(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w := &handshakeWatch{waiting: waiting, err: errors.ErrUnsupported, interval: 1, deadline: time.Now().Add(silentChecks)}
		ctx := w.start(context.Background(), new(httptrace.ClientTrace))
		w.noteWrote(httptrace.WroteRequestInfo{})
		time.Sleep(testedTimeout)
		require.NoError(t, ctx.Err())
		require.NoError(t, w.end())
	})
}

func TestAClientThatLeavesIsNoHandshakeTimeout(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		parent, leave := context.WithCancel(context.Background())
		w := &handshakeWatch{waiting: waiting, err: errors.ErrUnsupported, interval: 1}
		ctx := w.start(parent, new(httptrace.ClientTrace))
		leave()
		assert.Equal(t, context.Canceled, ctx.Err())
		require.NoError(t, w.end())
	})
}

// reverse_proxy retries after a failed dial, and answers a timeout with 504.
func TestAHandshakeTimeoutIsAFailedDialToReverseProxy(t *testing.T) {
	bubble(t, func(waiting *waitingHandshakes) {
		w, ctx := newWatch(waiting)
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		<-derived.Done()
		for _, err := range []error{ctx.Err(), context.Cause(derived)} {
			require.ErrorAs(t, err, new(reverseproxy.DialError))
			require.NotErrorIs(t, err, context.Canceled)
			timeout, ok := err.(net.Error) //nolint:errorlint // reverse_proxy looks no deeper
			assert.True(t, ok && timeout.Timeout())
		}
		require.Error(t, w.end())
	})
}
