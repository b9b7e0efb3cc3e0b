package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// caddyCookiePolicy is what Caddy has without this module.
var caddyCookiePolicy = testbed.CaddyPolicy("cookie")

// traefikStickyCookie is what Traefik has without the plugin.
var traefikStickyCookie = testbed.Traefik{}

// The same clients lose their sessions behind a policy that needs a cookie:
// so the crowd can see a failure, and what the other tests see is no accident.
func TestACookieAloneDoesNotHoldSessions(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := caddyCookiePolicy.Serve(t, testbed.Plain.SiteOf(nodes))[0]

	o := testbed.Plain.ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertAllFailed(t)
	assert.Positive(t, o.SetCookies, "cookies set and not kept")
}

// The same clients lose their sessions without the plugin: the sticky cookie
// that it works with is none that they keep.
func TestTraefiksCookieAloneDoesNotHoldSessions(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := traefikStickyCookie.Serve(t, testbed.Plain.SiteOf(nodes))[0]

	o := testbed.Plain.ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertAllFailed(t)
	assert.Positive(t, o.SetCookies, "cookies set and not kept")
}

// withSID is a host whose option sid has a value.
type withSID func(sid string) testbed.Proxy

func caddySID(sid string) testbed.Proxy { return testbed.CaddyWith("sid " + sid) }

func traefikSID(sid string) testbed.Proxy { return testbed.TraefikWith(object{"sid": sid}) }

func TestCaddyRenamesClientsOfSocketIO2UnderSidTag(t *testing.T) {
	testTagRenames(t, caddySID)
}

func TestTraefikRenamesClientsOfSocketIO2UnderSidTag(t *testing.T) {
	testTagRenames(t, traefikSID)
}

// testTagRenames shows what tags do to Socket.IO 2, and so why its sessions are
// learned: they hold, but clients know themselves by another ID than their node
// does. A session that begins with a WebSocket has no tag.
func testTagRenames(t *testing.T, h withSID) {
	t.Helper()
	for _, transport := range testbed.Transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, testbed.SocketIO2.Flags...)
			f := h("tag").Serve(t, testbed.SocketIO2.SiteOf(nodes))[0]

			c := testbed.SocketIO2.Small().ClientsOf(f, transport)
			if transport[0] == "polling" {
				c.WantIDMismatch = c.Count
			}
			o := c.Run(t)
			o.AssertHeld(t)
			o.AssertBalanced(t, nodes)
		})
	}
}

func TestCaddyLosesSessionsOfSocketIO2UnderSidOff(t *testing.T) {
	testOffLoses(t, caddySID)
}

func TestTraefikLosesSessionsOfSocketIO2UnderSidOff(t *testing.T) {
	testOffLoses(t, traefikSID)
}

func testOffLoses(t *testing.T, h withSID) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, testbed.SocketIO2.Flags...)
	f := h("off").Serve(t, testbed.SocketIO2.SiteOf(nodes))[0]

	o := testbed.SocketIO2.Small().ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertAllFailed(t)
}

// What Caddy has without this module goes by the client's address, which loses
// clients that roam.
func TestAnAddressAloneDoesNotHoldRoamingClients(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyPolicy("ip_hash").Serve(t, roamingClients.SiteOf(nodes))[0]

	o := roamingClients.ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertAllFailed(t)
}

// It holds those that stay where they are, but all that share an address, as
// the crowds of the other tests do, on one node.
func TestAnAddressAloneDoesNotSpreadClients(t *testing.T) {
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyPolicy("ip_hash").Serve(t, testbed.Plain.SiteOf(nodes))[0]

	c := testbed.Plain.Small().ClientsOf(f, []string{"polling"})
	c.Count = 60
	o := c.Run(t)
	o.AssertHeld(t)
	assert.Len(t, o.PerNode, 1, "nodes that greeted clients")
}
