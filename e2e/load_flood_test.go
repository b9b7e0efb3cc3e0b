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

// These environment variables have the number of handshakes in each wave, a multiple
// of 500. make flood sets them. Default: firstWaveSize and waveSize.
const (
	floodTagged  = "FLOOD_TAGGED"
	floodLearned = "FLOOD_LEARNED"
)

// waveSize is the number of handshakes in the third wave by default. With 1,000, what
// floodInWaves allows is as little as the heap of an idle Traefik varies by. The first
// two have the proxy take the memory that any flood costs it, for which fewer do.
const waveSize, firstWaveSize = 5000, 1000

// shortLived is the suffix of the target of a handshake whose session expires
// after two milliseconds without a request.
const shortLived = "short"

func TestCaddyWithstandsAFloodOfHandshakes(t *testing.T) {
	t.Parallel()
	t.Run("with room for few sessions", func(t *testing.T) {
		h := caddyForFlood()
		h.GlobalOptions = fmt.Sprintf("affinity {\nmax_sessions %d\n}", fewSessions)
		// The sessions of the other site are learned too: each site has its own table.
		testFloodOfMany(t, h, testbed.SocketIO2, "increase max_sessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, caddyForFlood(), "increase max_sessions")
	})
}

// testFloodOfMany overflows a small table, beside sessions of another site that
// it does not drop.
func testFloodOfMany(t *testing.T, h testbed.Proxy, like testbed.Variant, warning string) {
	t.Helper()
	s := testbed.StartAttack(t, h, like, startFlooded(t))
	floodInWaves(t, s, "4", "", floodTagged)
	floodInWaves(t, s, "3", "", floodLearned)
	assertLearned(t, s, s.Handshakes(t, "3", "", 1000), fewSessions)
	s.AssertBystandersUnharmed(t)
	assert.Positive(t, strings.Count(s.Program.Output.String(), warning), "warnings %q in the log", warning)
}

// testFloodOfAll fills the table of the default size, beside sessions of
// another site that are in a table too.
func testFloodOfAll(t *testing.T, h testbed.Proxy, warning string) {
	t.Helper()
	s := testbed.StartAttack(t, h, testbed.SocketIO2, startFlooded(t))
	floodInWaves(t, s, "3", shortLived, floodLearned)
	assertLearned(t, s, s.Handshakes(t, "3", "", 1000), core.DefaultMaxSessions)
	s.AssertBystandersUnharmed(t)
	assert.Zero(t, strings.Count(s.Program.Output.String(), warning), "warnings %q in the log", warning)
}

// caddyForFlood says in each reply why its upstream was chosen.
func caddyForFlood() testbed.Caddy {
	h := testbed.CaddyShowingReason()
	h.SetsCookie = false
	return h
}

func TestTraefikWithstandsAFloodOfHandshakes(t *testing.T) {
	t.Parallel()
	t.Run("with room for few sessions", func(t *testing.T) {
		h := testbed.TraefikWithDebugAddress(t, object{"maxSessions": fewSessions})
		h.ExpectedErrors = []string{"increase maxSessions"}
		// The sessions of the other site are tagged, as all sites share one table.
		testFloodOfMany(t, h, testbed.Plain, "increase maxSessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, testbed.TraefikWithDebugAddress(t, nil), "increase maxSessions")
	})
}

// floodInWaves opens as many sessions as a variable says, as fast as the proxy lets it,
// and abandons them, three times. The third wave must leave behind less than half of
// each session ID, which is long: what a proxy keeps of each session would be more.
func floodInWaves(t *testing.T, s *testbed.Attack, version, lifetime, size string) {
	t.Helper()
	for range 2 {
		s.Handshakes(t, version, lifetime, testbed.FromEnvironment(t, size, firstWaveSize))
	}
	handshakes := testbed.FromEnvironment(t, size, waveSize)
	heap, had := s.SettledHeap(t), s.Memory(t)
	s.Handshakes(t, version, lifetime, handshakes)
	const each = longSID / 2
	more := 0
	testbed.RequireEventually(t, fmt.Sprintf("the last of %d handshakes are forgotten", handshakes), func() bool {
		more = s.SettledHeap(t) - heap
		return more < each*handshakes
	})
	has := s.Memory(t)
	t.Logf("%s: EIO=%s: %s after two waves, %s after three; %d KiB more of heap", t.Name(), version, had, has, more>>10)
	assert.Less(t, has.Peak, had.Peak+had.Peak/2, "memory after one more wave")
}

// assertLearned checks that the proxy has learned as many of these sessions as
// it may.
func assertLearned(t *testing.T, s *testbed.Attack, sids []string, most int) {
	t.Helper()
	learned := 0
	e := testbed.NewEngine(t, s.Endpoint)
	e.Version = "3"
	for _, sid := range sids {
		e.SID = sid
		r := e.Do(t, http.MethodPost, "", nil)
		// Caddy adds the header, and Traefik sends the node the cookie.
		if r.Header.Get("X-Reason") == "learned" || strings.HasPrefix(r.Header.Get("X-Cookie"), testbed.InnerCookie+"=") {
			learned++
		}
	}
	most = min(most, len(sids))
	assert.LessOrEqual(t, learned, most, "sessions that are remembered")
	assert.Greater(t, learned, most*9/10, "sessions that are remembered")
}

// startFlooded starts a node that opens sessions at once, and answers any other
// request with its cookies.
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

// longSID is the least number of characters in the session IDs of a flood. A
// proxy that keeps a session needs as many bytes for it.
const longSID = 200

// withLongSID makes the session ID of an open packet longer.
func withLongSID(packet string) string {
	const field = `{"sid":"`
	return strings.Replace(packet, field, field+strings.Repeat("0", longSID-20), 1)
}
