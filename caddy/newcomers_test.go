package caddy

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// listensOn provisions an http app and returns what its server a listens on.
func listensOn(t *testing.T, app string) ([]string, error) {
	t.Helper()
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: caddy.ModuleMap{"http": json.RawMessage(app)},
	})
	if err != nil {
		return nil, err
	}
	loaded, err := ctx.App("http")
	require.NoError(t, err)
	return loaded.(*caddyhttp.App).Servers["a"].Listen, nil
}

func TestServersWithTheHandlerShareTheirSockets(t *testing.T) {
	t.Setenv("AFFINITY_TEST_PORT", "8080")
	// Nobody cleans up here, so no handler is to learn.
	const handler = `"routes":[{"handle":[{"handler":"affinity","sid":"tag"}]},{"handle":[{"handler":"affinity","sid":"tag"}]}]`
	for _, tc := range []struct {
		name, app string
		want      []string
		err       string
	}{
		{
			"every TCP socket",
			`{"servers":{"a":{"listen":[":8080","tcp/127.0.0.1:8081-8083","tcp4/:8084","tcp6/[::1]:8085","127.0.0.1:{env.AFFINITY_TEST_PORT}"],` + handler + `}}}`,
			[]string{"affinity-tcp/:8080", "affinity-tcp/127.0.0.1:8081-8083", "affinity-tcp4/:8084", "affinity-tcp6/[::1]:8085", "affinity-tcp/127.0.0.1:8080"},
			"",
		},
		{"no other socket", `{"servers":{"a":{"listen":["unix//run/a.sock","fd/3",":0"],` + handler + `}}}`, []string{"unix//run/a.sock", "fd/3", ":0"}, ""},
		{"no server without the handler", `{"servers":{"a":{"listen":[":8080"]},"b":{"listen":[":8081"],` + handler + `}}}`, []string{":8080"}, ""},
		{"none with a shutdown delay", `{"shutdown_delay":"1s","servers":{"a":{"listen":[":8080"],` + handler + `}}}`, []string{":8080"}, ""},
		{"none that two servers have", `{"servers":{"a":{"listen":[":8080"],` + handler + `},"b":{"listen":[":8079-8081"]}}}`, nil, "listener address repeated: tcp/:8080"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := listensOn(t, tc.app)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

// relayed is a server that another takes over from.
type relayed struct {
	*newcomers
	addr  caddy.NetworkAddress
	clock atomic.Int64 // nanoseconds
}

// pass lets time pass.
func (r *relayed) pass(d time.Duration) {
	r.clock.Add(int64(d))
}

// serveRelayed serves until the test ends, and has the next server wait already.
func serveRelayed(t *testing.T) *relayed {
	t.Helper()
	r := &relayed{addr: freeAddress(t)}
	r.newcomers = &newcomers{now: func() time.Time { return time.Unix(1000, r.clock.Load()) }}
	sockets.claim(r.addr, r.newcomers)
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		ConnState:         r.note,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "the old server")
		}),
	}
	l := share(t, r.addr)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return r
}

// connect makes a connection that the server has noted.
func (r *relayed) connect(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.addr.JoinHostPort(0))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	require.Eventually(t, func() bool {
		noted := false
		r.since.Range(func(_, _ any) bool {
			noted = true
			return true
		})
		return noted
	}, patience, time.Millisecond)
	return conn
}

// stop does what Caddy does when it stops the server's config, and closes the
// channel when the server may be shut down.
func (r *relayed) stop(t *testing.T) <-chan struct{} {
	t.Helper()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = r.Handle(t.Context(), caddy.Event{})
	}()
	return stopped
}

func TestAServerThatIsRelievedWaitsForRequests(t *testing.T) {
	r := serveRelayed(t)
	conn := r.connect(t)
	_, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n")
	require.NoError(t, err)

	next := share(t, r.addr)
	stopped := r.stop(t)
	dial(t, r.addr, 1)
	acceptAll(t, next, 1) // the next server has taken over
	select {
	case <-stopped:
		require.FailNow(t, "it does not wait")
	default:
	}
	_, err = io.WriteString(conn, "\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, "the old server", string(body))
	r.pass(answering)
	<-stopped
}

func TestAServerThatIsRelievedDoesNotWaitForTheSilent(t *testing.T) {
	r := serveRelayed(t)
	r.connect(t)
	share(t, r.addr)
	stopped := r.stop(t)
	r.pass(hearing)
	<-stopped
}

func TestAServerWithoutANextOneDoesNotWait(t *testing.T) {
	r := serveRelayed(t)
	r.connect(t)
	<-r.stop(t)
	r.connect(t) // it goes on until it is shut down
}

// Caddy itself, in this process, replaces its config again and again under
// clients that make a connection for each request.
func TestCaddyAnswersEveryRequestWhileItReloads(t *testing.T) {
	const clients, reloads = 20, 10
	addr := freeAddress(t)
	url := "http://" + addr.JoinHostPort(0)
	run := func(config int) {
		adapted, err := adapt(fmt.Sprintf("{\nadmin off\npersist_config off\n}\n%s {\nbind 127.0.0.1\naffinity\nrespond \"config %d\"\n}", url, config))
		require.NoError(t, err)
		var cfg caddy.Config
		require.NoError(t, json.Unmarshal(adapted, &cfg))
		require.NoError(t, caddy.Run(&cfg))
	}
	run(0)
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })

	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	post := func() (string, error) {
		res, err := client.Post(url, "text/plain", strings.NewReader("a message"))
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	var finished atomic.Bool
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for !finished.Load() {
				_, err := post()
				assert.NoError(t, err)
			}
		})
	}
	for config := 1; config <= reloads; config++ {
		run(config)
		answer, err := post()
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("config %d", config), answer, "the new config has taken over")
	}
	finished.Store(true)
	all.Wait()
}
