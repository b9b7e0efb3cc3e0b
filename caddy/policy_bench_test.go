package caddy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// BenchmarkSelectPinned is what it costs to give a request of a session to its
// upstream, and to take the tag off its session ID, beside what Caddy's own cookie
// policy takes to select by a cookie.
func BenchmarkSelectPinned(b *testing.B) {
	for _, upstreams := range []int{3, 100, 1000} {
		pool := newPool(1, upstreams)
		last := pool[upstreams-1]

		b.Run(fmt.Sprintf("affinity/upstreams=%d", upstreams), func(b *testing.B) {
			policy := newPolicy(b, "")
			policy.retriesOnlyDials = true // as the directive has it
			req, state := newRequest(b, tagOf(last))
			benchmarkSelect(b, policy, pool, req, state, last)
		})
		b.Run(fmt.Sprintf("cookie/upstreams=%d", upstreams), func(b *testing.B) {
			policy := newCookiePolicy(b)
			req, state := newRequest(b, "")
			req.AddCookie(cookieFor(b, policy, last))
			benchmarkSelect(b, policy, pool, req, state, last)
		})
	}
}

func benchmarkSelect(b *testing.B, policy reverseproxy.Selector, pool reverseproxy.UpstreamPool, req *http.Request, state *requestState, want *reverseproxy.Upstream) {
	b.Helper()
	w := httptest.NewRecorder()
	require.Same(b, want, policy.Select(pool, req, w))
	b.ReportAllocs()
	query := "EIO=4"
	if state.hasSession {
		query += "&sid=" + core.Bind(tagOf(want), "x")
	}
	original := *req
	for b.Loop() {
		// Each is the first try of a request that came as this one did.
		*req, state.policy, state.selected = original, nil, nil
		req.URL.RawQuery = query
		policy.Select(pool, req, w)
	}
}

// newCookiePolicy sets up Caddy's cookie policy.
func newCookiePolicy(b *testing.B) reverseproxy.CookieHashSelection {
	b.Helper()
	policy := reverseproxy.CookieHashSelection{
		FallbackRaw: caddyconfig.JSONModuleObject(reverseproxy.FirstSelection{}, "policy", "first", nil),
	}
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	b.Cleanup(cancel)
	require.NoError(b, policy.Provision(ctx))
	return policy
}

// cookieFor has the cookie policy choose an upstream, and returns its cookie.
func cookieFor(b *testing.B, policy reverseproxy.CookieHashSelection, upstream *reverseproxy.Upstream) *http.Cookie {
	b.Helper()
	w := httptest.NewRecorder()
	req, _ := newRequest(b, "")
	require.Same(b, upstream, policy.Select(reverseproxy.UpstreamPool{upstream}, req, w))
	return w.Result().Cookies()[0]
}
