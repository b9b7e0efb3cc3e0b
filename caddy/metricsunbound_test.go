package caddy

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMetricsCountUnboundHandshakes(t *testing.T) {
	reply := func(t *testing.T, respond http.HandlerFunc) string {
		t.Helper()
		upstream := httptest.NewServer(respond)
		t.Cleanup(upstream.Close)
		return "socketio " + upstream.Listener.Addr().String()
	}
	const packet = `0{"sid":"a-1"}`
	for _, tc := range []struct {
		cause string
		site  func(t *testing.T) string
	}{
		{"", func(t *testing.T) string { t.Helper(); return "socketio " + startNode(t, "a").address() }},
		{"compressed", func(t *testing.T) string {
			t.Helper()
			return "encode gzip {\nminimum_length 1\n}\n" + reply(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "br")
				_, _ = io.WriteString(w, packet)
			})
		}},
		{"status", func(t *testing.T) string {
			t.Helper()
			return reply(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
		}},
		{"no_open_packet", func(t *testing.T) string {
			t.Helper()
			return reply(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
		}},
		{"too_large", func(t *testing.T) string {
			t.Helper()
			return reply(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, packet+strings.Repeat(" ", 64<<10))
			})
		}},
		{"incomplete", func(t *testing.T) string {
			t.Helper()
			return reply(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, packet)
			})
		}},
		{"no_reply", func(t *testing.T) string {
			t.Helper()
			n := startNode(t, "a")
			n.Close()
			return "socketio " + n.address()
		}},
		{"no_policy", func(t *testing.T) string {
			t.Helper()
			return "affinity\nreverse_proxy " + startNode(t, "a").address()
		}},
		{"sid_off", func(t *testing.T) string {
			t.Helper()
			return "socketio " + startNode(t, "a").address() + " {\nsid off\n}"
		}},
	} {
		t.Run(tc.cause, func(t *testing.T) {
			s := serve(t, tc.site(t))
			if res, err := client.Get(s.url + "/socket.io/?" + polling); err == nil {
				_ = res.Body.Close()
			}
			// The handler of an incomplete reply ends after the client's request.
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				for name, value := range seriesOf(t) {
					if cause, found := strings.CutPrefix(name, "handshakes_unbound_total"); found {
						assert.Equal(c, int(number(cause == fmt.Sprintf("{cause=%q}", tc.cause))), value, cause)
					}
				}
			}, patience, 10*time.Millisecond)
		})
	}
}
