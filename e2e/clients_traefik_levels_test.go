package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// One child of a weighted service has a single server, and so needs no sticky
// cookie.
func TestTraefikHoldsSessionsOfAWeightedServiceWithAChildWithoutAStickyCookie(t *testing.T) {
	t.Parallel()
	h := testbed.Traefik{Chain: testbed.TraefikPlugin.Chain, Nested: true, ExpectedErrors: []string{`sets no sticky cookie`}}
	h.Change = func(http object) {
		left := http["services"].(object)["site0-left"].(object)["loadBalancer"].(object)
		require.Len(t, left["servers"], 1)
		delete(left, "sticky")
	}
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--trace")
	r := h.StartServing(t, testbed.Plain.SiteOf(nodes))
	f := r.Endpoints[0]

	single := testbed.NewEngine(t, f)
	testbed.RequireEventually(t, "a session of the child without a sticky cookie", func() bool {
		single.SID = ""
		return single.Handshake(t).Header.Get("X-Node") == "a"
	})
	assert.Regexp(t, `^[0-9a-f]{16}\.\.[A-Za-z0-9_-]{20}$`, single.SID)
	for range 6 {
		reply := single.Post(t, "3")
		assert.Equal(t, "a", reply.Header.Get("X-Node"))
		assert.Equal(t, single.NodeSID(), testbed.SeenSID(t, reply))
		assert.Empty(t, reply.Header.Values("Set-Cookie"))
	}
	testbed.Plain.Small().RunHeld(t, f, testbed.Transports[:2]...).AssertBalanced(t, nodes)
	r.RequireLogged(t, `sets no sticky cookie "`+testbed.InnerCookie+`"`, testbed.PluginMiddleware+"@file")
	assert.Equal(t, 1, r.CountLogged("sticky cookie"))
}

// Nodes of Socket.IO 2 set the cookie io. With the same name for the sticky
// cookie, sessions hold, and the plugin logs a warning.
func TestTraefikHoldsSessionsOfNodesThatSetACookieOfTheSameName(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"}, "--cookie")
	h := testbed.TraefikPlugin
	h.Options = object{"cookieNames": []string{nodeCookie}}
	h.ExpectedErrors = []string{"twice"}
	h.Change = func(http object) {
		balancer := http["services"].(object)["site0"].(object)["loadBalancer"].(object)
		balancer["sticky"] = h.StickyCookie(nodeCookie)
	}
	r := h.StartServing(t, testbed.Plain.SiteOf(nodes))
	testbed.Plain.Small().RunHeld(t, r.Endpoints[0], []string{"polling", "websocket"}).AssertBalanced(t, nodes)
	r.RequireLogged(t, "sets the cookie \""+nodeCookie+"\" twice", testbed.PluginMiddleware+"@file")
	assert.Equal(t, 1, r.CountLogged("twice"))
}
