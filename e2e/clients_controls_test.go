package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// The tests in this file are controls: the same clients, with what the proxies have
// without this module, or with it switched off. They show that the clients notice
// a lost session.

// caddyCookiePolicy is a Caddy without this module.
var caddyCookiePolicy = testbed.CaddyPolicy("cookie")

// traefikStickyCookie is a Traefik without the plugin.
var traefikStickyCookie = testbed.Traefik{}

func TestCaddysCookiePolicyLosesSessions(t *testing.T) {
	t.Parallel()
	testCookieLosesSessions(t, caddyCookiePolicy)
}

func TestTraefiksStickyCookieLosesSessions(t *testing.T) {
	t.Parallel()
	testCookieLosesSessions(t, traefikStickyCookie)
}

// testCookieLosesSessions runs clients that keep no cookie behind a proxy that needs
// one.
func testCookieLosesSessions(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := h.Serve(t, testbed.Plain.SiteOf(nodes))[0]

	o := testbed.Plain.ClientsOf(f, []string{"polling"}).Run(t)
	o.AssertAllFailed(t)
	assert.Positive(t, o.SetCookies, "cookies set and not kept")
}

// withSID returns a proxy with a value of the option sid.
type withSID func(sid string) testbed.Proxy

func caddySID(sid string) testbed.Proxy { return testbed.CaddyWith("sid " + sid) }

func traefikSID(sid string) testbed.Proxy { return testbed.TraefikWith(object{"sid": sid}) }

func TestCaddyChangesTheIDOfSocketIO2ClientsWithSidTag(t *testing.T) {
	t.Parallel()
	testTagChangesID(t, caddySID)
}

func TestTraefikChangesTheIDOfSocketIO2ClientsWithSidTag(t *testing.T) {
	t.Parallel()
	testTagChangesID(t, traefikSID)
}

// testTagChangesID shows what tags do to Socket.IO 2, and so why its sessions are
// learned: they hold, but a client's socket.id is another than its node's. A session
// that begins with a WebSocket has no tag.
func testTagChangesID(t *testing.T, h withSID) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, testbed.SocketIO2.Flags...)
	f := h("tag").Serve(t, testbed.SocketIO2.SiteOf(nodes))[0]

	v := testbed.SocketIO2.Small()
	c := v.ClientsInTurn(f, testbed.Transports...)
	for _, transport := range testbed.Transports {
		if transport[0] == "polling" {
			c.WantIDMismatch += v.Clients
		}
	}
	o := c.Run(t)
	o.AssertHeld(t)
	o.AssertBalanced(t, nodes)
}

func TestCaddyLosesSessionsOfSocketIO2WithSidOff(t *testing.T) {
	t.Parallel()
	testSidOffLosesSessions(t, caddySID)
}

func TestTraefikLosesSessionsOfSocketIO2WithSidOff(t *testing.T) {
	t.Parallel()
	testSidOffLosesSessions(t, traefikSID)
}

func testSidOffLosesSessions(t *testing.T, h withSID) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, testbed.SocketIO2.Flags...)
	f := h("off").Serve(t, testbed.SocketIO2.SiteOf(nodes))[0]

	testbed.SocketIO2.Small().ClientsOf(f, []string{"polling"}).Run(t).AssertAllFailed(t)
}

// Caddy's policy ip_hash loses clients whose address changes.
func TestIPHashLosesSessionsOfRoamingClients(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyPolicy("ip_hash").Serve(t, roamingClients.SiteOf(nodes))[0]

	roamingClients.ClientsOf(f, []string{"polling"}).Run(t).AssertAllFailed(t)
}

// It holds the sessions of the others, but puts all that share an address on one
// node.
func TestIPHashPutsClientsOfOneAddressOnOneNode(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	f := testbed.CaddyPolicy("ip_hash").Serve(t, testbed.Plain.SiteOf(nodes))[0]

	c := testbed.Plain.Small().ClientsOf(f, []string{"polling"})
	c.Count = 60
	o := c.Run(t)
	o.AssertHeld(t)
	assert.Len(t, o.PerNode, 1, "nodes with clients")
}
