package traefik

import (
	"log"
	"sync/atomic"

	"github.com/eio-affinity/affinity/core"
)

// warnings has a flag for each warning that is logged only once, which is 1 after
// that. Traefik creates the middleware anew for each router and for each change of
// the dynamic configuration, so the limit is per router and configuration.
type warnings struct {
	noCookie, missingLevel, duplicateCookie uint32
}

// logf writes a line to Traefik's log. Traefik redirects package log to it, with
// level error.
func logf(a *Affinity, format string, args ...interface{}) {
	log.New(log.Writer(), "", 0).Printf("middleware "+a.name+": "+format, args...)
}

// warnMissingCookie logs which sticky cookie is missing from the response to a
// handshake. The tag has the levels whose cookies were set.
func warnMissingCookie(a *Affinity, cookie, tag string) {
	if tag != "" {
		if atomic.CompareAndSwapUint32(&a.warned.missingLevel, 0, 1) {
			logf(a, "the service that opened a Socket.IO session sets no sticky cookie %q, so the session is pinned only if that service "+
				"has a single server; otherwise set its loadBalancer.sticky.cookie.name", cookie)
		}
		return
	}
	if atomic.CompareAndSwapUint32(&a.warned.noCookie, 0, 1) {
		logf(a, "the service that opened a Socket.IO session sets no sticky cookie %q, so the session is not pinned; "+
			"set its loadBalancer.sticky.cookie.name to that name", cookie)
	}
}

// warnDuplicateCookie logs that a server sets a cookie with the same name as
// Traefik's sticky cookie.
func warnDuplicateCookie(a *Affinity, cookie string) {
	if atomic.CompareAndSwapUint32(&a.warned.duplicateCookie, 0, 1) {
		logf(a, "a response sets the cookie %q twice: the plugin uses the first one as Traefik's sticky cookie, and removes both; "+
			"set loadBalancer.sticky.cookie.name to a name that no server uses", cookie)
	}
}

// logDropped logs the first session dropped from a full table, the tenth, the
// hundredth and so on.
func logDropped(a *Affinity, dropped uint64) {
	if core.IsPowerOfTen(dropped) {
		logf(a, "dropped a learned Socket.IO session because there are too many, so its client has to reconnect; "+
			"increase maxSessions (dropped so far: %d)", dropped)
	}
}
