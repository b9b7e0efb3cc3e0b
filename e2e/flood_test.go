package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// fewSessions is the size of a table of learned sessions that overflows.
const fewSessions = 300

// How many handshakes a wave has, as make flood says: a multiple of 500. By
// default they are few.
const (
	floodTagged  = "FLOOD_TAGGED"
	floodLearned = "FLOOD_LEARNED"
)

// short is at the end of the target of a handshake whose session lives for two
// milliseconds without a sign of life.
const short = "short"

func TestCaddyBearsAFloodOfHandshakes(t *testing.T) {
	t.Run("with room for few sessions", func(t *testing.T) {
		h := caddyFlooded()
		h.options = fmt.Sprintf("affinity {\nmax_sessions %d\n}", fewSessions)
		// Those beside it are learned too: each site has its share of the table.
		testFloodOfMany(t, h, socketIO2, "raise max_sessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, caddyFlooded(), "raise max_sessions")
	})
}

// testFloodOfMany floods a small table, beside sessions that it does not drop.
func testFloodOfMany(t *testing.T, h host, like setting, warning string) {
	t.Helper()
	s := besiege(t, h, like, startFlooded(t))
	s.bearWaves(t, "4", "", fromEnvironment(t, floodTagged, 5000))
	s.bearWaves(t, "3", "", fromEnvironment(t, floodLearned, 4000))
	s.assertLearned(t, s.flood(t, "3", "", 1000), fewSessions)
	s.lift(t)
	assert.Contains(t, s.proxy.log.String(), warning)
}

// testFloodOfAll floods the table that there is by default, beside sessions that
// are in it too.
func testFloodOfAll(t *testing.T, h host, warning string) {
	t.Helper()
	s := besiege(t, h, socketIO2, startFlooded(t))
	s.bearWaves(t, "3", short, fromEnvironment(t, floodLearned, 4000))
	s.assertLearned(t, s.flood(t, "3", "", 1000), core.DefaultMaxSessions)
	s.lift(t)
	assert.NotContains(t, s.proxy.log.String(), warning)
}

// caddyFlooded says in each reply what its node was chosen by.
func caddyFlooded() caddy {
	h := caddyShowing()
	h.gives = false
	return h
}

func TestTraefikBearsAFloodOfHandshakes(t *testing.T) {
	t.Run("with room for few sessions", func(t *testing.T) {
		h := traefikProfiled(t, object{"maxSessions": fewSessions})
		h.expects = []string{"raise maxSessions"}
		// Those beside it are tagged, as all sites share the middleware's table.
		testFloodOfMany(t, h, plain, "raise maxSessions")
	})
	t.Run("with room for all sessions", func(t *testing.T) {
		testFloodOfAll(t, traefikProfiled(t, nil), "raise maxSessions")
	})
}

// bearWaves opens so many sessions as fast as the host lets it, and drops them,
// three times. The last time leaves nothing behind, or less of each handshake
// than half of its session ID, which is long: what the bystanders need comes and goes, and
// what stays does not go.
func (s *siege) bearWaves(t *testing.T, version, lifetime string, handshakes int) {
	t.Helper()
	s.flood(t, version, lifetime, handshakes)
	s.flood(t, version, lifetime, handshakes)
	s.requireNoConnections(t)
	heap, had := s.settledHeap(t), s.memory(t)
	s.flood(t, version, lifetime, handshakes)
	const each = longSID / 2
	more := 0
	requireSoon(t, fmt.Sprintf("the last of %d handshakes are forgotten", handshakes), func() bool {
		more = s.heap(t) - heap
		return more < each*handshakes
	})
	has := s.memory(t)
	t.Logf("%s: EIO=%s: %s after two waves, %s after three; %d KiB more of heap", t.Name(), version, had, has, more>>10)
	assert.Less(t, has.peak, had.peak+had.peak/2, "memory after one more wave")
}

// requireNoConnections waits until the host has closed its connections to the
// fake nodes, each of which has buffers.
func (s *siege) requireNoConnections(t *testing.T) {
	t.Helper()
	requireSoon(t, "the host has no connection to the fake nodes", func() bool { return fakeConnections.Load() == 0 })
}

// assertLearned checks that of these sessions a host that has to remember them
// remembers as many as it may.
func (s *siege) assertLearned(t *testing.T, sids []string, most int) {
	t.Helper()
	learned := 0
	e := newEngine(t, s.front)
	e.version = "3"
	for _, sid := range sids {
		e.sid = sid
		r := e.do(t, http.MethodPost, "", nil)
		// Caddy says so, and Traefik gives the node the cookie.
		if r.Header.Get("X-By") == "learned" || strings.HasPrefix(r.Header.Get("X-Cookie"), innerCookie+"=") {
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
	return startFake(t, func(a asked) bool {
		switch {
		case !a.opens():
			_, rest, _ := strings.Cut(a.head, "\r\nCookie: ")
			cookies, _, _ := strings.Cut(rest, "\r\n")
			a.reply("ok", "X-Cookie: "+cookies)
		case strings.Contains(a.target(), short):
			a.reply(framed(longer(shortOpenPacket())) + "2:40")
		case strings.Contains(a.target(), "EIO=3"):
			a.reply(framed(longer(stockOpenPacket())) + "2:40")
		default:
			a.reply(longer(stockOpenPacket()))
		}
		return true
	})
}

// longSID is how many characters the session IDs of a flood have at least. Whoever
// remembers one needs so many bytes for it.
const longSID = 200

// longer makes the session ID of an open packet a long one.
func longer(packet string) string {
	const field = `{"sid":"`
	return strings.Replace(packet, field, field+strings.Repeat("0", longSID-20), 1)
}

// flood sends a wave of handshakes of a version on many connections, a few at a
// time on each, and returns the sids that come back. The lifetime of the
// sessions is short, or "" for the usual one.
func (f front) flood(t *testing.T, version, lifetime string, handshakes int) (sids []string) {
	t.Helper()
	const connections, ahead = 50, 10
	require.Zero(t, handshakes%(connections*ahead), "%d handshakes, where each of %d connections has %d at a time", handshakes, connections, ahead)
	target := "/socket.io/?EIO=" + version + "&transport=polling&t=sax6fk6i" + lifetime
	request := strings.Repeat("GET "+target+" HTTP/1.1\r\nHost: "+f.address()+"\r\n\r\n", ahead)
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range connections {
		conn := f.dial(t)
		require.NoError(t, conn.SetDeadline(start.Add(guard)))
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			r := bufio.NewReader(conn)
			for range handshakes / connections / ahead {
				_, err := io.WriteString(conn, request)
				for range ahead {
					var sid string
					if err == nil {
						sid, err = readSID(r)
					}
					if err != nil {
						t.Errorf("a handshake: %v", err)
						return
					}
					mu.Lock()
					sids = append(sids, sid)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	t.Logf("%s: %d handshakes in %.1f s, %.0f a second", t.Name(), len(sids), took.Seconds(), float64(len(sids))/took.Seconds())
	require.Len(t, sids, handshakes)
	return sids
}

// readSID reads the reply to a handshake, and returns the sid that it gives.
func readSID(r *bufio.Reader) (string, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	_, rest, opens := strings.Cut(string(body), `"sid":"`)
	if !opens {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	sid, _, _ := strings.Cut(rest, `"`)
	return sid, nil
}
