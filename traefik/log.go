package traefik

import (
	"log"
	"sync/atomic"
)

// warnings says which warnings there were: 1 once there was one. Traefik makes
// the middleware anew for each router, and whenever its dynamic configuration
// changes, so there is one for each router and configuration.
type warnings struct {
	missing, partly, twice uint32
}

// say writes a line to Traefik's log, which is behind package log, and knows it
// as an error.
func say(a *Affinity, format string, args ...interface{}) {
	log.New(log.Writer(), "", 0).Printf("middleware "+a.name+": "+format, args...)
}

// warnMissing says what is to be configured for a sticky cookie to come. The tag
// is that of the cookies that did.
func warnMissing(a *Affinity, cookie, tag string) {
	if tag != "" {
		if atomic.CompareAndSwapUint32(&a.warned.partly, 0, 1) {
			say(a, "a Socket.IO session was opened through a service without the sticky cookie %q; the session is kept only if that "+
				"service has a single server; otherwise set its loadBalancer.sticky.cookie.name", cookie)
		}
		return
	}
	if atomic.CompareAndSwapUint32(&a.warned.missing, 0, 1) {
		say(a, "a Socket.IO session was opened, but no sticky cookie %q came with it, so the session is not kept; "+
			"set loadBalancer.sticky.cookie.name to that in the service behind the middleware", cookie)
	}
}

// warnTwice says that the servers set a cookie of the same name as Traefik's.
func warnTwice(a *Affinity, cookie string) {
	if atomic.CompareAndSwapUint32(&a.warned.twice, 0, 1) {
		say(a, "a reply sets the cookie %q twice: the first is taken for Traefik's sticky cookie, and clients get neither; "+
			"give loadBalancer.sticky.cookie.name a name that no server uses", cookie)
	}
}
