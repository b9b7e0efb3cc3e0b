package core

import (
	"strconv"
	"time"
)

const (
	// defaultPingInterval and defaultPingTimeout are Engine.IO's defaults, for
	// open packets without these fields.
	defaultPingInterval = 25 * time.Second
	defaultPingTimeout  = 20 * time.Second

	// maxTimer is the maximum delay of a timer in Node.js, in milliseconds.
	maxTimer = 1<<31 - 1
)

// lifetime returns how long a session lives without a packet from the client. Its
// arguments are the pingInterval and pingTimeout of the open packet as JSON, in
// milliseconds.
func lifetime(interval, timeout string) time.Duration {
	return parseMilliseconds(interval, defaultPingInterval) + parseMilliseconds(timeout, defaultPingTimeout)
}

// parseMilliseconds returns the fallback for anything but a number between 1 and
// maxTimer.
func parseMilliseconds(s string, fallback time.Duration) time.Duration {
	ms, err := strconv.ParseFloat(s, 64)
	if err != nil || !(ms >= 1 && ms <= maxTimer) {
		return fallback
	}
	return time.Duration(ms * float64(time.Millisecond))
}
