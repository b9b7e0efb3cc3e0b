package caddy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// BenchmarkHandlerPinned is what the handler and the policy together do for a
// poll of a session, all but the round trip to the upstream.
func BenchmarkHandlerPinned(b *testing.B) {
	policy := newPolicy(b, "")
	policy.retriesOnlyDials = true // as the directive has it
	pool := newPool(1, 3)
	handler := &Handler{mode: core.ModeTag, logger: zap.NewNop()}
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if policy.Select(pool, r.Clone(r.Context()), w) != pool[2] {
			b.Error("selected another upstream")
		}
		return nil
	})
	query := "EIO=4&transport=polling&t=PNGt4Ko&sid=" + core.Bind(tagOf(pool[2]), "lv_VI97HAXpY6yYWAAAB")
	w := httptest.NewRecorder()
	serve := func(b *testing.B, handler func(http.ResponseWriter, *http.Request) error) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			require.NoError(b, handler(w, newServerRequest(context.Background(), query)))
		}
	}
	b.Run("affinity", func(b *testing.B) {
		serve(b, func(w http.ResponseWriter, r *http.Request) error { return handler.ServeHTTP(w, r, next) })
	})
	b.Run("none", func(b *testing.B) {
		serve(b, func(_ http.ResponseWriter, r *http.Request) error {
			_ = r.Clone(r.Context())
			return nil
		})
	})
}

// BenchmarkHandlerHandshake is the same for a handshake, whose reply gets a tag or is
// learned.
func BenchmarkHandlerHandshake(b *testing.B) {
	policy := newPolicy(b, "")
	policy.handshakes = newHandshakeTimeout(newWaitingHandshakes(), defaultHandshakeTimeout, &reverseproxy.Handler{LoadBalancing: &reverseproxy.LoadBalancing{Retries: 3}})
	pool := newPool(1, 3)
	body := []byte(`0{"sid":"lv_VI97HAXpY6yYWAAAB","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
	length := []string{strconv.Itoa(len(body))}
	for _, mode := range []core.Mode{core.ModeTag, core.ModeLearn, core.ModeOff} {
		handler := &Handler{mode: mode, logger: zap.NewNop(), counts: new(requestCounts), share: core.NewSessions(1000).NewShare()}
		next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			out := r.Clone(r.Context())
			if policy.Select(pool, out, w) == nil {
				b.Error("selected no upstream")
			}
			if trace := httptrace.ContextClientTrace(out.Context()); trace != nil {
				trace.GotConn(httptrace.GotConnInfo{})
				trace.WroteHeaders()
				if trace.WroteRequest != nil {
					trace.WroteRequest(httptrace.WroteRequestInfo{})
					trace.GotFirstResponseByte()
				}
			}
			w.Header()["Content-Length"] = length
			w.WriteHeader(http.StatusOK)
			_, err := w.Write(body)
			return err
		})
		b.Run(string(mode), func(b *testing.B) {
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				w.Body.Reset()
				ctx, cancel := context.WithCancel(context.Background())
				require.NoError(b, handler.ServeHTTP(w, newServerRequest(ctx, "EIO=4&transport=polling&t=PNGt4Ko"), next))
				cancel()
			}
		})
	}
}

// newServerRequest returns a request as Caddy's server gives it to handlers.
func newServerRequest(ctx context.Context, query string) *http.Request {
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{})
	ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/?"+query, http.NoBody)
}
