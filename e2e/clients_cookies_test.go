package e2e

import (
	"testing"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// nodeCookie is the name of the cookie that nodes of Socket.IO 2 set, and
// others with --cookie.
const nodeCookie = "io"

// caddyPrefixingCookie is the directive socketio that puts the upstream's tag
// in front of the nodes' own cookie, as HAProxy does.
var caddyPrefixingCookie = testbed.CaddyWith("sid off", "cookie "+nodeCookie+" {\nmode prefix\n}")

func TestCaddyHoldsSessionsByCookie(t *testing.T) {
	t.Parallel()
	testSessionsByCookie(t, testbed.CaddySettingCookie("sid off", "cookie"))
}

func TestCaddyHoldsSessionsByThePrefixedCookie(t *testing.T) {
	t.Parallel()
	testSessionsByCookie(t, caddyPrefixingCookie)
}

func TestTraefikHoldsSessionsByCookie(t *testing.T) {
	t.Parallel()
	testSessionsByCookie(t, testbed.TraefikWith(object{"sid": "off", "exposeCookie": true}))
}

// testSessionsByCookie runs clients that keep cookies behind a proxy that does
// not use session IDs.
func testSessionsByCookie(t *testing.T, h testbed.Proxy) {
	t.Helper()
	for _, s := range []testbed.Variant{
		{Name: "of Socket.IO 4", Flags: []string{"--cookie"}, WithCredentials: true},
		{Name: "of Socket.IO 2", Flags: testbed.SocketIO2.Flags, Version: 2, CookieJar: true},
	} {
		t.Run(s.Name, func(t *testing.T) {
			testSessionsHold(t, h, s.Small(), []string{"polling"}, []string{"polling", "websocket"})
		})
	}
}
