package e2e

import (
	"testing"
)

// nodeCookie is the name of the cookie that nodes set: those of Socket.IO 2, and
// others with --cookie.
const nodeCookie = "io"

// caddyPrefixing is the socketio directive that does as HAProxy does: it puts
// the upstream's tag in front of the nodes' own cookie.
var caddyPrefixing = caddyWith("sid off", "cookie "+nodeCookie+" {\nmode prefix\n}")

func TestCaddyHoldsSessionsByItsCookieAlone(t *testing.T) {
	testSessionsByCookie(t, caddyGiving("sid off", "cookie"))
}

func TestCaddyHoldsSessionsByTheCookieOfTheNodesAlone(t *testing.T) {
	testSessionsByCookie(t, caddyPrefixing)
}

func TestTraefikHoldsSessionsByItsCookieAlone(t *testing.T) {
	testSessionsByCookie(t, traefikWith(object{"sid": "off", "exposeCookie": true}))
}

// testSessionsByCookie runs clients that keep cookies against a host that does
// nothing with session IDs.
func testSessionsByCookie(t *testing.T, h host) {
	t.Helper()
	for _, s := range []setting{
		{name: "of Socket.IO 4", flags: []string{"--cookie"}, withCredentials: true},
		{name: "of Socket.IO 2", flags: socketIO2.flags, client: 2, cookieJar: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			testSessionsHold(t, h, s.small(), []string{"polling"}, []string{"polling", "websocket"})
		})
	}
}
