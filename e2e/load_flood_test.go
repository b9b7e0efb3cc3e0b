package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/core"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// fewSessions is the size of a table of learned sessions that overflows.
const fewSessions = 300

// How many handshakes a wave has, as make flood says: a multiple of 500. By
// default they are few.
const (
	floodTagged  = "FLOOD_TAGGED"
	floodLearned = "FLOOD_LEARNED"
)

// shortLived is at the end of the target of a handshake whose session lives for two
// milliseconds without a sign of life.
const shortLived = "short"

func TestCaddyBearsAFloodOfHandshakes(t *testing.T) {
	t.Run("with room for few sessions", func(t *testing.T) {
		h := caddyForFlood()
		h.GlobalOptions = fmt.Sprintf("affinity {\nmax_sessions %d\n}", fewSessions)
		// Those beside it are learned too: each site has its share of the table.
		testFloodOfMany(t, h, testbed.SocketIO2, "raise max_sessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, caddyForFlood(), "raise max_sessions")
	})
}

// testFloodOfMany floods a small table, beside sessions that it does not drop.
func testFloodOfMany(t *testing.T, h testbed.Proxy, like testbed.Variant, warning string) {
	t.Helper()
	s := testbed.StartAttack(t, h, like, startFlooded(t))
	bearWaves(t, s, "4", "", testbed.FromEnvironment(t, floodTagged, 5000))
	bearWaves(t, s, "3", "", testbed.FromEnvironment(t, floodLearned, 4000))
	assertLearned(t, s, s.Handshakes(t, "3", "", 1000), fewSessions)
	s.AssertBystandersUnharmed(t)
	assert.Contains(t, s.Program.Log.String(), warning)
}

// testFloodOfAll floods the table that there is by default, beside sessions that
// are in it too.
func testFloodOfAll(t *testing.T, h testbed.Proxy, warning string) {
	t.Helper()
	s := testbed.StartAttack(t, h, testbed.SocketIO2, startFlooded(t))
	bearWaves(t, s, "3", shortLived, testbed.FromEnvironment(t, floodLearned, 4000))
	assertLearned(t, s, s.Handshakes(t, "3", "", 1000), core.DefaultMaxSessions)
	s.AssertBystandersUnharmed(t)
	assert.NotContains(t, s.Program.Log.String(), warning)
}

// caddyForFlood says in each reply what its node was chosen by.
func caddyForFlood() testbed.Caddy {
	h := testbed.CaddyShowingReason()
	h.SetsCookie = false
	return h
}

func TestTraefikBearsAFloodOfHandshakes(t *testing.T) {
	t.Run("with room for few sessions", func(t *testing.T) {
		h := testbed.TraefikWithDebugAddress(t, object{"maxSessions": fewSessions})
		h.ExpectedErrors = []string{"raise maxSessions"}
		// Those beside it are tagged, as all sites share the middleware's table.
		testFloodOfMany(t, h, testbed.Plain, "raise maxSessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, testbed.TraefikWithDebugAddress(t, nil), "raise maxSessions")
	})
}

// bearWaves opens so many sessions as fast as the host lets it, and drops them,
// three times. The last time leaves nothing behind, or less of each handshake
// than half of its session ID, which is long: what the bystanders need comes and goes, and
// what stays does not go.
func bearWaves(t *testing.T, s *testbed.Attack, version, lifetime string, handshakes int) {
	t.Helper()
	s.Handshakes(t, version, lifetime, handshakes)
	s.Handshakes(t, version, lifetime, handshakes)
	requireNoConnections(t)
	heap, had := s.SettledHeap(t), s.Memory(t)
	s.Handshakes(t, version, lifetime, handshakes)
	const each = longSID / 2
	more := 0
	testbed.RequireEventually(t, fmt.Sprintf("the last of %d handshakes are forgotten", handshakes), func() bool {
		more = s.Heap(t) - heap
		return more < each*handshakes
	})
	has := s.Memory(t)
	t.Logf("%s: EIO=%s: %s after two waves, %s after three; %d KiB more of heap", t.Name(), version, had, has, more>>10)
	assert.Less(t, has.Peak, had.Peak+had.Peak/2, "memory after one more wave")
}

// requireNoConnections waits until the host has closed its connections to the
// fake nodes, each of which has buffers.
func requireNoConnections(t *testing.T) {
	t.Helper()
	testbed.RequireEventually(t, "the host has no connection to the fake nodes", func() bool { return testbed.FakeConnections.Load() == 0 })
}

// assertLearned checks that of these sessions a host that has to remember them
// remembers as many as it may.
func assertLearned(t *testing.T, s *testbed.Attack, sids []string, most int) {
	t.Helper()
	learned := 0
	e := testbed.NewEngine(t, s.Endpoint)
	e.Version = "3"
	for _, sid := range sids {
		e.SID = sid
		r := e.Do(t, http.MethodPost, "", nil)
		// Caddy says so, and Traefik gives the node the cookie.
		if r.Header.Get("X-By") == "learned" || strings.HasPrefix(r.Header.Get("X-Cookie"), testbed.InnerCookie+"=") {
			learned++
		}
	}
	most = min(most, len(sids))
	assert.LessOrEqual(t, learned, most, "sessions that are remembered")
	assert.Greater(t, learned, most*9/10, "sessions that are remembered")
}

// startFlooded starts a node that opens sessions at once, and answers all else
// with the cookies that it was asked with.
func startFlooded(t *testing.T) (address string) {
	t.Helper()
	return testbed.StartFakeNode(t, func(a testbed.FakeRequest) bool {
		switch {
		case !a.IsHandshake():
			_, rest, _ := strings.Cut(a.Head, "\r\nCookie: ")
			cookies, _, _ := strings.Cut(rest, "\r\n")
			a.Reply("ok", "X-Cookie: "+cookies)
		case strings.Contains(a.Target(), shortLived):
			a.Reply(testbed.FrameV3(withLongSID(testbed.ShortLivedOpenPacket())) + "2:40")
		case strings.Contains(a.Target(), "EIO=3"):
			a.Reply(testbed.FrameV3(withLongSID(testbed.OpenPacket())) + "2:40")
		default:
			a.Reply(withLongSID(testbed.OpenPacket()))
		}
		return true
	})
}

// longSID is how many characters the session IDs of a flood have at least. Whoever
// remembers one needs so many bytes for it.
const longSID = 200

// withLongSID makes the session ID of an open packet a long one.
func withLongSID(packet string) string {
	const field = `{"sid":"`
	return strings.Replace(packet, field, field+strings.Repeat("0", longSID-20), 1)
}
