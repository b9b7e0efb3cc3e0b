package e2e

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// One child of a weighted service has a single server, and so no need of a
// sticky cookie.
func TestTraefikHoldsSessionsOfAWeightedServiceWithAChildWithoutAStickyCookie(t *testing.T) {
	h := traefik{chain: traefikPlugin.chain, nested: true, expects: []string{`sets no sticky cookie`}}
	h.change = func(http object) {
		left := http["services"].(object)["site0-left"].(object)["loadBalancer"].(object)
		require.Len(t, left["servers"], 1)
		delete(left, "sticky")
	}
	nodes := startNodes(t, []string{"a", "b", "c"}, "--trace")
	r := h.serveRunning(t, plain.siteOf(nodes))
	f := r.fronts[0]

	single := newEngine(t, f)
	requireSoon(t, "a session of the child without a sticky cookie", func() bool {
		single.sid = ""
		return single.handshake(t).Header.Get("X-Node") == "a"
	})
	assert.Regexp(t, `^[0-9a-f]{16}\.\.[A-Za-z0-9_-]{20}$`, single.sid)
	for range 6 {
		reply := single.post(t, "3")
		assert.Equal(t, "a", reply.Header.Get("X-Node"))
		assert.Equal(t, single.ownSID(), seenSID(t, reply))
		assert.Empty(t, reply.Header.Values("Set-Cookie"))
	}
	for _, transport := range transports[:2] {
		o := plain.small().crowdOf(f, transport).run(t)
		o.assertHeld(t)
		o.assertSpread(t, nodes)
	}
	r.requireLogged(t, `sets no sticky cookie "`+innerCookie+`"`, plugin+"@file")
	assert.Equal(t, 1, r.logged("sticky cookie"))
}

// Nodes of Socket.IO 2 set the cookie io. Who gives Traefik's that name too gets
// its sessions held, and is told.
func TestTraefikHoldsSessionsOfNodesThatSetACookieOfTheSameName(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"}, "--cookie")
	h := traefikPlugin
	h.options = object{"cookieNames": []string{nodeCookie}}
	h.expects = []string{"twice"}
	h.change = func(http object) {
		balancer := http["services"].(object)["site0"].(object)["loadBalancer"].(object)
		balancer["sticky"] = h.sticky(nodeCookie)
	}
	r := h.serveRunning(t, plain.siteOf(nodes))
	o := plain.small().crowdOf(r.fronts[0], []string{"polling", "websocket"}).run(t)
	o.assertHeld(t)
	o.assertSpread(t, nodes)
	r.requireLogged(t, "sets the cookie \""+nodeCookie+"\" twice", plugin+"@file")
	assert.Equal(t, 1, r.logged("twice"))
}

func TestTraefikLeavesSessionIDsAloneThatItDidNotBind(t *testing.T) {
	f := traefikPlugin.serve(t, site{upstreams: []string{startMirror(t)}})[0]
	jwt := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + longText(300) + ".c2lnbmF0dXJl"
	for _, sid := range []string{
		jwt,
		"eyJhbGciOiJIUzI1NiJ9.e30.c2ln",
		"node1.AbCdEfGhIjKlMnOpQrSt",
		"AbCdEfGhIjK.AbCdEfGhIjKlMnOpQrSt",                 // as Caddy binds it
		"0123456789ABCDEF.AbCdEfGhIjKlMnOpQrSt",            // hexadecimal, but not as Traefik writes it
		"0123456789abcdef0.AbCdEfGhIjKlMnOpQrSt",           // too long
		"0123456789abcde.AbCdEfGhIjKlMnOpQrSt",             // too short
		"0123456789abcdef." + longText(257),                // too long to have been bound
		"af31.1f0c.AbCdEfGhIjKlMnOpQrSt",                   //
		"0b6a1b1e-6f5c-4c0e-8f6c-0d1d0a3b9c11.2024.12.1.a", //
	} {
		e := newEngine(t, f)
		e.sid = sid
		r := e.do(t, http.MethodPost, "", nil)
		assert.Contains(t, r.body, `sid=`+sid, "what arrives of a session ID")
		assert.Contains(t, r.body, `"Cookies":null`)
	}
}

// longText is so many characters, none of them a dot.
func longText(length int) string {
	text := make([]byte, length)
	for i := range text {
		text[i] = byte('a' + i%26)
	}
	return string(text)
}
