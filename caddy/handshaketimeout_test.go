package caddy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func TestAHandshakeThatIsNotAnsweredGoesToAnotherUpstream(t *testing.T) {
	for _, tc := range opening {
		t.Run(tc.name, func(t *testing.T) {
			s, frozen, other, _ := serveFrozen(t, "cool_down 1h\n cookie")
			res, body := s.do(t, tc.method, tc.query)
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Contains(t, body, `"sid":"`)
			assert.Contains(t, body, `z-1"`)
			if tc.method != http.MethodOptions {
				assert.Equal(t, []string{"server_id=" + tagOf(&reverseproxy.Upstream{Dial: other.address()}) + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
			}
			assert.Len(t, res.Header["Via"], 1)
			assert.Equal(t, tc.query, <-frozen.queries)
			assert.Equal(t, tc.query, <-other.queries)

			for range 5 {
				s.do(t, tc.method, tc.query)
				assert.Equal(t, tc.query, <-other.queries)
			}
			assert.Empty(t, frozen.queries, "it cools down")
			assert.Len(t, s.logged(t, `"warn"`, "did not answer a handshake", frozen.address()), 1)
			assert.Empty(t, s.logged(t, `"level":"error"`))
			assertNoneWaiting(t)
		})
	}
}

// assertNoneWaiting checks that no upstream is counted as having to answer.
func assertNoneWaiting(t *testing.T) {
	t.Helper()
	pooled, _, err := sharedPool.LoadOrNew(sharedKey, nil)
	require.NoError(t, err)
	defer func() { _, _ = sharedPool.Delete(sharedKey) }()
	handshakes := pooled.(*sharedState).handshakes
	require.Eventually(t, func() bool {
		handshakes.mu.Lock()
		defer handshakes.mu.Unlock()
		return len(handshakes.upstreams) == 0
	}, patience, time.Millisecond)
}

// The tag is that of the upstream that has opened the session.
func TestASessionStaysOnTheUpstreamThatItWasGivenTo(t *testing.T) {
	s, frozen, _, _ := serveFrozen(t, "cool_down 1h")
	for _, query := range []string{polling, polling3} {
		sid := s.open(t, query)
		_, body := s.get(t, query+"&sid="+sid)
		assert.Equal(t, "z", body)
	}
	assert.Len(t, frozen.queries, 1)
}

func TestAWebSocketThatIsNotAnsweredGoesToAnotherUpstream(t *testing.T) {
	s, frozen, other, _ := serveFrozen(t, "cool_down off")
	other.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, stream, err := http.NewResponseController(w).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer conn.Close()
		_, _ = stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = stream.Flush()
		_, _ = io.Copy(conn, stream)
	})

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	_, err = fmt.Fprintf(conn, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
		strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	require.NoError(t, err)
	assert.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	assert.Len(t, frozen.queries, 1)

	// It outlives the timeout, which two handshakes have meanwhile.
	for range 2 {
		s.get(t, polling)
	}
	assert.Len(t, frozen.queries, 3)
	_, err = io.WriteString(conn, "still here")
	require.NoError(t, err)
	got := make([]byte, len("still here"))
	_, err = io.ReadFull(reader, got)
	require.NoError(t, err)
	assert.Equal(t, "still here", string(got))
	assertNoneWaiting(t)
}

func TestRequestsOfSessionsHaveNoHandshakeTimeout(t *testing.T) {
	s, frozen, other, thaw := serveFrozen(t, "")
	tag := tagOf(&reverseproxy.Upstream{Dial: frozen.address()})
	var replies []<-chan string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodOptions} {
		replies = append(replies, s.begin(t, method, polling+"&sid="+tag+".a-1", ""))
		assert.Equal(t, polling+"&sid=a-1", <-frozen.queries)
	}

	// Meanwhile, a later handshake has its timeout.
	s.get(t, polling)
	assert.Equal(t, polling, <-frozen.queries)
	assert.Equal(t, polling, <-other.queries)
	assert.Empty(t, other.queries)
	for _, reply := range replies {
		assert.Empty(t, reply)
	}
	thaw()
	for _, reply := range replies {
		assert.Equal(t, "a", <-reply)
	}
}

func TestOnlyRequestsThatOpenSessionsAreSentAgain(t *testing.T) {
	for _, tc := range []struct{ name, method, query, body string }{
		{"a POST", http.MethodPost, polling, ""},
		{"a GET with a body", http.MethodGet, polling, "body"},
		{"a GET that is not Engine.IO's", http.MethodGet, "page=1", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, frozen, other, thaw := serveFrozen(t, "")
			answered := s.begin(t, tc.method, tc.query, tc.body)
			assert.Equal(t, tc.query, <-frozen.queries)
			s.get(t, polling) // waits for the timeout
			assert.Equal(t, polling, <-frozen.queries)
			assert.Equal(t, polling, <-other.queries)
			assert.Empty(t, other.queries)
			thaw()
			assert.Contains(t, <-answered, "a-")
		})
	}
}

// Where no upstream answers, the one that is tried last may still do so.
func TestTheLastUpstreamHasAsLongAsTheClientWaits(t *testing.T) {
	nodes, thaw, addresses := startFrozenNodes(t, 3)
	s := serve(t, "socketio"+addresses+" {\n fallback first\n handshake_timeout 50ms\n cool_down 1h\n}")
	done := s.begin(t, http.MethodGet, polling, "")
	for _, n := range nodes {
		assert.Equal(t, polling, <-n.queries)
	}

	// The next one does not meet the first two.
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/?"+polling, http.NoBody)
	require.NoError(t, err)
	left := make(chan struct{})
	go func() {
		res, err := client.Do(req)
		if err == nil {
			_ = res.Body.Close()
		}
		assert.ErrorIs(t, err, context.Canceled)
		close(left)
	}()
	assert.Equal(t, polling, <-nodes[2].queries)
	leave()
	<-left
	assert.Empty(t, nodes[0].queries)
	assert.Empty(t, nodes[1].queries)
	assert.Empty(t, done, "it waits")

	thaw()
	assert.Contains(t, <-done, ".c-")
	assertNoneWaiting(t)
}

func TestAHandshakeIsSentAgainAsOftenAsRetriesAllow(t *testing.T) {
	for _, tc := range []struct {
		options string
		tried   int
	}{
		{"", 4},
		{"lb_retries 2", 3},
		{"lb_retries 9", 4},
		{"lb_retries 0", 1},
		{"lb_try_duration 1h\n lb_try_interval 1ms", 4},
		{"lb_try_duration 10ms", 1},
		{"handshake_timeout off", 1},
	} {
		t.Run(tc.options, func(t *testing.T) {
			nodes, thaw, addresses := startFrozenNodes(t, 6)
			options := tc.options
			if !strings.Contains(options, "handshake_timeout") {
				options += "\n handshake_timeout 40ms"
			}
			s := serve(t, "socketio"+addresses+" {\n fallback first\n cool_down off\n"+options+"\n}")
			done := s.begin(t, http.MethodGet, polling, "")
			for _, n := range nodes[:tc.tried] {
				assert.Equal(t, polling, <-n.queries)
			}
			time.Sleep(100 * time.Millisecond)
			for _, n := range nodes[tc.tried:] {
				assert.Empty(t, n.queries)
			}
			thaw()
			assert.Contains(t, <-done, nodes[tc.tried-1].name+`-1"`)
		})
	}
}

// HTTP/2 reports the end of a try in another way.
func TestAHandshakeOverHTTP2GoesToAnotherUpstream(t *testing.T) {
	var addresses string
	until := make(chan struct{})
	defer close(until)
	for _, name := range []string{"a", "b"} {
		n := &node{name: name, queries: make(chan string, 1000), cookies: make(chan string, 1000)}
		if name == "a" {
			n.frozen = until
		}
		n.Server = httptest.NewUnstartedServer(n)
		n.Config.Protocols = new(http.Protocols)
		n.Config.Protocols.SetUnencryptedHTTP2(true)
		n.Start()
		t.Cleanup(n.Close)
		addresses += " h2c://" + n.address()
	}
	s := serve(t, "socketio"+addresses+" {\n fallback first\n handshake_timeout 50ms\n}")
	_, body := s.get(t, polling)
	assert.Contains(t, body, `b-1"`)
	assert.Empty(t, s.logged(t, `"level":"error"`))
}

func TestManyHandshakesThatAreNotAnswered(t *testing.T) {
	_, thaw, addresses := startFrozenNodes(t, 2)
	other := startNode(t, "z")
	s := serve(t, "socketio"+addresses+" "+other.address()+" {\n handshake_timeout 200ms\n cool_down 1h\n}")
	var group sync.WaitGroup
	for range 60 {
		group.Go(func() {
			res, body := s.get(t, polling)
			assert.Equal(t, http.StatusOK, res.StatusCode)
			assert.Contains(t, body, ".z-")
		})
	}
	group.Wait()
	thaw()
	assert.Len(t, s.logged(t, `"warn"`, "did not answer a handshake"), 2)
	assertNoneWaiting(t)
}
