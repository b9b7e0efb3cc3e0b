package command

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// adminServer is the admin API of a Caddy, with upstreams that tests change.
type adminServer struct {
	*httptest.Server

	mu        sync.Mutex
	upstreams []adminapi.Upstream
	// explained is the session that was to be explained.
	explained string
	// listed counts the lists served, and connections those that are open.
	listed      int
	connections atomic.Int64
	// onList, if set, changes the upstreams before list n, from 1.
	onList func(n int, upstreams []adminapi.Upstream)
}

// startAdmin starts an admin API.
func startAdmin(t *testing.T, upstreams ...adminapi.Upstream) *adminServer {
	t.Helper()
	s := &adminServer{upstreams: upstreams}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			s.connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.connections.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *adminServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	var reply any
	switch r.Method + " " + r.URL.Path {
	case "GET " + adminapi.UpstreamsPath:
		if s.listed++; s.onList != nil {
			s.onList(s.listed, s.upstreams)
		}
		reply = s.upstreams
	case "POST " + adminapi.DrainPath, "POST " + adminapi.UndrainPath:
		var request adminapi.DrainRequest
		_ = json.Unmarshal(body, &request)
		for i := range s.upstreams {
			if s.upstreams[i].Address == request.Upstream {
				s.upstreams[i].Draining = r.URL.Path == adminapi.DrainPath || s.upstreams[i].DrainedBy == adminapi.DrainedByConfig
				reply = s.upstreams[i]
			}
		}
		if reply == nil {
			w.WriteHeader(http.StatusNotFound)
			reply = map[string]string{"error": "upstream \x1b[2J: no such; there are: a:1"}
		}
	case "POST " + adminapi.ExplainPath:
		var request adminapi.ExplainRequest
		_ = json.Unmarshal(body, &request)
		s.explained = request.Session
		reply = adminapi.Explanation{SID: "abc"}
	default:
		http.NotFound(w, r)
		return
	}
	_ = json.NewEncoder(w).Encode(reply)
}

// run runs "caddy affinity" with arguments.
func (s *adminServer) run(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	return run(t.Context(), append(args, "--address", s.Listener.Addr().String())...)
}

// run runs "caddy affinity" with arguments, and waits for less time than for users.
func run(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	cmd := &cobra.Command{Use: "affinity", SilenceUsage: true, SilenceErrors: true}
	commands{sampleEvery: time.Millisecond, settle: 4 * time.Millisecond}.addTo(cmd)
	cmd.SetOut(&out)
	cmd.SetErr(&errOut)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(ctx)
	return out.String(), errOut.String(), err
}

func TestListPrintsATable(t *testing.T) {
	s := startAdmin(t,
		adminapi.Upstream{Address: "node1:3000", Tags: []string{"AAAAAAAAAAA"}, Healthy: true, OpenPolls: 12, OpenWebSockets: 3, Opened: 400, Lost: 5, Learned: 6, FailedDials: 7},
		adminapi.Upstream{Address: "n2:80", Tags: []string{"BBBBBBBBBBA", "CCCCCCCCCCA"}, Draining: true, DrainedBy: adminapi.DrainedByConfig},
		adminapi.Upstream{Address: "n3:80", Removed: true, Draining: true, DrainedBy: adminapi.DrainedByAdmin},
		adminapi.Upstream{Address: "n4:80", Tags: []string{"DDDDDDDDDDA"}, Healthy: true, CoolDown: &adminapi.CoolDown{Error: "refused\x1b[2J", Until: time.Now().Add(-time.Hour)}},
	)
	want := `ADDRESS     TAG                      STATE                POLLS  WEBSOCKETS  OPENED  LOST  LEARNED  UNDIALED  WHY
node1:3000  AAAAAAAAAAA              healthy              12     3           400     5     6        7         -
n2:80       BBBBBBBBBBA,CCCCCCCCCCA  unhealthy, draining  0      0           0       0     0        0         drain is in the config
n3:80       -                        removed, draining    0      0           0       0     0        0         -
n4:80       DDDDDDDDDDA              cooling down         0      0           0       0     0        0         0s left: refused?[2J
`
	for _, args := range [][]string{{}, {"list"}} {
		stdout, _, err := s.run(t, args...)
		require.NoError(t, err)
		assert.Equal(t, want, stdout)
	}
}

func TestListWithoutReasonsHasNoColumnForThem(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", Tags: []string{"AAAAAAAAAAA"}, Healthy: true})
	stdout, _, err := s.run(t)
	require.NoError(t, err)
	assert.Equal(t, `ADDRESS  TAG          STATE    POLLS  WEBSOCKETS  OPENED  LOST  LEARNED  UNDIALED
a:1      AAAAAAAAAAA  healthy  0      0           0       0     0        0
`, stdout)
}

func TestListPrintsTheJSONOfTheAPI(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", Tags: []string{"AAAAAAAAAAA"}, Healthy: true})
	stdout, _, err := s.run(t, "--json")
	require.NoError(t, err)
	var upstreams []adminapi.Upstream
	require.NoError(t, json.Unmarshal([]byte(stdout), &upstreams))
	assert.Equal(t, s.upstreams, upstreams)
	assert.Contains(t, stdout, "\n    \"address\": \"a:1\",\n")
}

func TestDrainWaitsUntilTheUpstreamIsEmpty(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", OpenPolls: 1, OpenWebSockets: 2}, adminapi.Upstream{Address: "b:1", OpenPolls: 9})
	s.onList = func(n int, upstreams []adminapi.Upstream) {
		upstreams[0].OpenPolls = int64(n % 2) // between two polls every other time
		if n >= 10 {
			upstreams[0].OpenWebSockets = 0
		}
		if n >= 40 {
			upstreams[0].OpenPolls = 0
		}
	}
	stdout, _, err := s.run(t, "drain", "a:1", "a:1", "--wait")
	require.NoError(t, err)
	assert.Equal(t, `a:1 is draining: 1 poll and 2 WebSockets open
a:1 is draining: 1 poll open
a:1 is empty
`, stdout)
	assert.GreaterOrEqual(t, s.listed, 44, "five samples in a row")
	assert.True(t, s.upstreams[0].Draining)
	assert.False(t, s.upstreams[1].Draining)
	assert.Eventually(t, func() bool { return s.connections.Load() == 0 }, 10*time.Second, time.Millisecond, "each sample closes its connection")
}

func TestDrainWithJSONPrintsTheStatesAtLast(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1"}, adminapi.Upstream{Address: "b:1"})
	stdout, stderr, err := s.run(t, "drain", "a:1", "b:1", "--wait", "--json")
	require.NoError(t, err)
	var states []adminapi.Upstream
	require.NoError(t, json.Unmarshal([]byte(stdout), &states))
	assert.Len(t, states, 2)
	assert.Contains(t, stderr, "a:1 is draining: nothing is open\n")
	assert.Contains(t, stderr, "b:1 is empty\n")
}

func TestDrainFailsWhenItsTimeoutPasses(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", OpenWebSockets: 1}, adminapi.Upstream{Address: "b:1"})
	_, _, err := s.run(t, "drain", "a:1", "b:1", "--wait", "--timeout", "100ms")
	require.ErrorIs(t, err, errWaitTimeout)
	assert.Contains(t, err.Error(), "a:1 (1 WebSocket open)")
	assert.Contains(t, err.Error(), "caddy affinity undrain a:1 b:1")
	assert.True(t, s.upstreams[0].Draining)
}

func TestInterruptedDrainSaysThatItIsStillDraining(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", OpenPolls: 1})
	ctx, interrupt := context.WithCancel(t.Context())
	s.onList = func(n int, _ []adminapi.Upstream) {
		if n == 3 {
			interrupt()
		}
	}
	_, _, err := run(ctx, "drain", "a:1", "--wait", "--address", s.Listener.Addr().String())
	require.ErrorIs(t, err, errInterrupted)
	assert.Contains(t, err.Error(), "The drain goes on")
	assert.True(t, s.upstreams[0].Draining)
}

func TestDrainFailsWhenTheDrainIsUndone(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", OpenPolls: 1})
	s.onList = func(n int, upstreams []adminapi.Upstream) { upstreams[0].Draining = n < 3 }
	_, _, err := s.run(t, "drain", "a:1", "--wait")
	require.ErrorIs(t, err, errNotDraining)
}

func TestDrainFailsWhenCaddyEnds(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", OpenPolls: 1})
	go func() {
		for listed := 0; listed < 3; {
			time.Sleep(time.Millisecond)
			s.mu.Lock()
			listed = s.listed
			s.mu.Unlock()
		}
		_ = s.Listener.Close()
	}()
	_, _, err := s.run(t, "drain", "a:1", "--wait")
	require.ErrorContains(t, err, "cannot reach the admin API")
}

func TestUndrain(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1", Draining: true}, adminapi.Upstream{Address: "b:1", Draining: true, DrainedBy: adminapi.DrainedByConfig})
	stdout, _, err := s.run(t, "undrain", "a:1")
	require.NoError(t, err)
	assert.Equal(t, "a:1 gets new sessions.\n", stdout)
	_, _, err = s.run(t, "undrain", "b:1")
	require.ErrorIs(t, err, errDrainedByConfig)
}

func TestErrorsSayWhatToDo(t *testing.T) {
	s := startAdmin(t, adminapi.Upstream{Address: "a:1"})
	closed := httptest.NewServer(nil)
	closed.Close()
	without := httptest.NewServer(http.NotFoundHandler())
	defer without.Close()
	for _, tc := range []struct {
		name, want string
		args       []string
	}{
		{"an upstream that there is not", "upstream ?[2J: no such; there are: a:1", []string{"drain", "b:1", "--address", s.Listener.Addr().String()}},
		{"no upstream", "requires at least 1 arg", []string{"drain"}},
		{"a timeout without a wait", "--timeout requires --wait", []string{"drain", "a:1", "--timeout", "1s"}},
		{"no admin API", "does not have `admin off`", []string{"--address", closed.Listener.Addr().String()}},
		{"a Caddy without the module", "does not have the affinity module", []string{"--address", without.Listener.Addr().String()}},
		{"a config that does not exist", "determining the address of the admin API", []string{"--config", "/does/not/exist"}},
		{"an unknown subcommand", `unknown command "dran"`, []string{"dran"}},
		{"a URL without a session", "has no session", []string{"explain", "http://a/", "--traefik", "http://b"}},
		{"no servers", "--traefik: names no server", []string{"explain", "abc", "--traefik", ","}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, _, err := run(t.Context(), tc.args...)
			require.ErrorContains(t, err, tc.want)
			assert.Empty(t, stdout)
			assert.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func TestProgressRewritesOneLineOnATerminal(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, terminal: true}
	for _, lines := range [][]string{{"a", ""}, {"a", ""}, {"b", "c"}} {
		require.NoError(t, p.show(lines))
	}
	p.end()
	p.end()
	assert.Equal(t, "|a|b; c\n", strings.ReplaceAll(out.String(), "\r\x1b[K", "|"))
}
