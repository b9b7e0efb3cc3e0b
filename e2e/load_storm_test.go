package e2e

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// Clients that all connect at once make handshakes slow. None of them is given
// to another node: that would only be more work for all.
func TestCaddyGivesOnNoHandshakeInAStorm(t *testing.T) {
	const programs = 4
	each := testbed.FromEnvironment(t, "STORM_CLIENTS", 400) / programs
	nodes := testbed.StartKillableNodes(t, []string{"a", "b", "c"})
	log := filepath.Join(t.TempDir(), "access.log")
	h := testbed.Caddy{Directive: func(upstreams string) string {
		return "log {\noutput file " + log + "\n}\nlog_append upstream {http.reverse_proxy.upstream.hostport}\nsocketio " + upstreams
	}}
	f := h.Serve(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})[0]

	var storm testbed.ClientGroups
	for range programs {
		storm = append(storm, testbed.Clients{
			URL: f.URL, Count: each, TransportsInTurn: testbed.Transports, Messages: 1, MaxBytes: 100,
		}.Start(t))
	}
	o := storm.WaitHeld(t)
	handshakes := loggedHandshakes(t, log)
	require.GreaterOrEqual(t, len(handshakes), o.Clients/2, "two of three clients begin with long-polling")
	longest := slices.MaxFunc(handshakes, func(a, b loggedHandshake) int { return cmp.Compare(a.Duration, b.Duration) })
	silence := longestSilence(handshakes)
	t.Logf("%s: %d clients connected after at most %d ms; a handshake over HTTP long-polling took up to %.0f ms, and a node that had one to answer was silent for up to %.0f ms",
		t.Name(), o.Connected, slices.Max(o.ConnectedAfter), 1000*longest.Duration, 1000*silence)
	if silence < 3 { // seconds, the timeout; longer only where others keep the machine busy
		assert.Zero(t, strings.Count(f.Program.Output.String(), "did not answer a handshake"))
	}
}

// loggedHandshake is the line of an access log about a handshake over HTTP
// long-polling. Times are in seconds.
type loggedHandshake struct {
	TS, Duration float64 // when and how long after it came it was answered
	Upstream     string
	Request      struct{ URI string }
}

// loggedHandshakes returns the handshakes in an access log.
func loggedHandshakes(t *testing.T, log string) []loggedHandshake {
	t.Helper()
	var handshakes []loggedHandshake
	for _, line := range testbed.LinesWith(t, log, "transport=polling") {
		var h loggedHandshake
		require.NoError(t, json.Unmarshal([]byte(line), &h))
		if !strings.Contains(h.Request.URI, "sid=") {
			handshakes = append(handshakes, h)
		}
	}
	return handshakes
}

// longestSilence returns the longest time in which a node had handshakes to
// answer and answered none.
func longestSilence(handshakes []loggedHandshake) (longest float64) {
	slices.SortFunc(handshakes, func(a, b loggedHandshake) int { return cmp.Compare(a.TS, b.TS) })
	last := map[string]float64{}
	for i, h := range handshakes {
		// The first of those that waited since the last answer.
		since := h.TS - h.Duration
		for _, other := range handshakes[i:] {
			if other.Upstream == h.Upstream {
				since = min(since, other.TS-other.Duration)
			}
		}
		longest = max(longest, h.TS-max(since, last[h.Upstream]))
		last[h.Upstream] = h.TS
	}
	return longest
}
