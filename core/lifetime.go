package core

import (
	"strconv"
	"time"
)

const (
	// usualInterval and usualTimeout are Engine.IO's defaults, for open packets
	// that leave them out.
	usualInterval = 25 * time.Second
	usualTimeout  = 20 * time.Second

	// longestTimer is the longest that a timer of Node.js can have, in
	// milliseconds.
	longestTimer = 1<<31 - 1
)

// lifetime returns how long a session lives without a sign of life, from an
// open packet's pingInterval and pingTimeout as they stand there in JSON, in
// milliseconds.
func lifetime(interval, timeout string) time.Duration {
	return timer(interval, usualInterval) + timer(timeout, usualTimeout)
}

// timer reads one of the two. What is no number of milliseconds that can be
// waited for is taken for the usual one.
func timer(milliseconds string, usual time.Duration) time.Duration {
	ms, err := strconv.ParseFloat(milliseconds, 64)
	if err != nil || !(ms >= 1 && ms <= longestTimer) {
		return usual
	}
	return time.Duration(ms * float64(time.Millisecond))
}
