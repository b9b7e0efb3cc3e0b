package testbed

import (
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Timeout bounds every wait for something that must happen. It is far longer
// than anything takes: it ends a test that hangs, and no test passes or fails
// by it otherwise.
const Timeout = 120 * time.Second

// HTTPClient is the HTTP client of requests that need no other. No request
// takes longer than [Timeout].
var HTTPClient = &http.Client{Timeout: Timeout}

// Receive waits until a channel has a value or is closed, and reports whether
// that was within [Timeout]. It does not end the test, so any goroutine may
// call it.
func Receive[T any](channel <-chan T) (value T, inTime bool) {
	timeout := time.NewTimer(Timeout)
	defer timeout.Stop()
	select {
	case value = <-channel:
		return value, true
	case <-timeout.C:
		return value, false
	}
}

// RequireEventually waits until a condition holds, which it checks more seldom the
// longer it waits: most conditions are requests. The condition may end the test itself.
func RequireEventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	const shortest, longest = 10 * time.Millisecond, 100 * time.Millisecond
	began := time.Now()
	for !condition() {
		waited := time.Since(began)
		require.Less(t, waited, Timeout, "%s: not within %s", what, Timeout)
		time.Sleep(min(max(waited/20, shortest), longest))
	}
}

// EverySecond calls a function this many times, once a second, or as fast as it
// returns if it takes longer.
func EverySecond(times int, do func(n int)) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for n := 1; n <= times; n++ {
		<-second.C
		do(n)
	}
}

// FromEnvironment returns the number in an environment variable, or a default.
func FromEnvironment(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		return otherwise
	}
	number, err := strconv.Atoi(value)
	require.NoError(t, err, variable)
	return number
}
