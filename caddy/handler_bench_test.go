package caddy

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eio-affinity/affinity/core"
)

// BenchmarkHandlerPinned is what the handler and the policy together do for a
// poll of a session, all but the round trip to the upstream.
func BenchmarkHandlerPinned(b *testing.B) {
	policy := newPolicy(b, "")
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
			ctx := context.WithValue(context.Background(), caddyhttp.VarsCtxKey, map[string]any{})
			ctx = context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer())
			require.NoError(b, handler(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/?"+query, http.NoBody)))
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
