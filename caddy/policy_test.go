package caddy

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// newPolicy provisions a policy with these options.
func newPolicy(tb testing.TB, options string) *AffinitySelection {
	tb.Helper()
	policy := new(AffinitySelection)
	require.NoError(tb, policy.UnmarshalCaddyfile(caddyfile.NewTestDispenser("affinity {\n"+options+"\n}")))
	require.NoError(tb, policy.Provision(newContext(tb)))
	require.NoError(tb, policy.Validate())
	policy.logger = zap.NewNop() // the logger of the context writes DEBUG to stderr
	return policy
}

// newContext returns the context of an empty config, which ends with the test.
func newContext(tb testing.TB) caddy.Context {
	tb.Helper()
	config, err := caddy.ProvisionContext(&caddy.Config{Admin: &caddy.AdminConfig{Disabled: true}})
	require.NoError(tb, err)
	ctx, cancel := caddy.NewContext(config)
	tb.Cleanup(cancel)
	return ctx
}

// newPool returns a pool of healthy upstreams.
func newPool(from, count int) reverseproxy.UpstreamPool {
	pool := make(reverseproxy.UpstreamPool, 0, count)
	for i := range count {
		pool = append(pool, &reverseproxy.Upstream{Host: new(reverseproxy.Host), Dial: fmt.Sprintf("10.0.0.1:%d", from+i)})
	}
	return pool
}

// newRequest returns a request as the handler passes it on: one of a session with
// this tag, or a handshake.
func newRequest(tb testing.TB, tag string) (*http.Request, *requestState) {
	tb.Helper()
	ctx := context.WithValue(context.Background(), caddyhttp.VarsCtxKey, map[string]any{})
	state := newState(ctx)
	state.isEngineIO, state.mode = true, core.ModeAuto
	query := "EIO=4"
	if tag != "" {
		query += "&sid=" + core.Bind(tag, "x")
		state.hasSession = true
	}
	state.engineIO, _ = core.ParseRequest(query)
	return httptest.NewRequestWithContext(ctx, http.MethodGet, "/socket.io/?"+query, http.NoBody), state
}

func tagOf(upstream *reverseproxy.Upstream) string {
	return core.NewTagger("").Tag(upstream.Dial)
}

func TestSelectFollowsTheTag(t *testing.T) {
	policy := newPolicy(t, "")
	pool := newPool(1, 100)
	for _, want := range pool {
		req, state := newRequest(t, tagOf(want))
		assert.Same(t, want, policy.Select(pool, req, nil))
		assert.Equal(t, core.ReasonTag, state.reason)
	}
}

func TestSelectFollowsTheTagThroughChangingPools(t *testing.T) {
	policy := newPolicy(t, "fallback first")
	for from := 1; from < 3000; from += 7 {
		pool := newPool(from, 10) // new values each time, like dynamic upstreams
		for _, i := range []int{0, 9, 4} {
			req, _ := newRequest(t, tagOf(pool[i]))
			require.Same(t, pool[i], policy.Select(pool, req, nil))
		}
		want, gone := core.ReasonUpstreamGone, &reverseproxy.Upstream{Dial: fmt.Sprintf("10.0.0.1:%d", from-1)}
		if from == 1 {
			want = core.ReasonUnknownTag // it was in no pool
		}
		req, state := newRequest(t, tagOf(gone))
		require.Same(t, pool[0], policy.Select(pool, req, nil))
		require.Equal(t, want, state.reason)
	}
	assert.LessOrEqual(t, len(policy.tags.entries.Load().byDial), maxFormerUpstreams+2*10, "former upstreams are forgotten")
}

func TestSelectWithTwoUpstreamsOfOneAddress(t *testing.T) {
	policy := newPolicy(t, "")
	pool := append(newPool(1, 2), newPool(1, 2)...)
	req, _ := newRequest(t, tagOf(pool[3]))
	assert.Same(t, pool[1], policy.Select(pool, req, nil))
}

func TestSelectFromAnEmptyPool(t *testing.T) {
	policy := newPolicy(t, "")
	for _, tag := range []string{"", core.NewTagger("").Tag("gone")} {
		req, _ := newRequest(t, tag)
		assert.Nil(t, policy.Select(nil, req, nil))
	}
}

func TestSelectTagsNewSessions(t *testing.T) {
	policy := newPolicy(t, "secret key\nfallback first")
	pool := newPool(1, 3)
	req, state := newRequest(t, "")
	assert.Same(t, pool[0], policy.Select(pool, req, nil))
	assert.Equal(t, core.NewTagger("key").Tag(pool[0].Dial), state.chosen)
}

func TestRetriesPreferUpstreamsThatWereNotTried(t *testing.T) {
	policy := newPolicy(t, "fallback first")
	pool := newPool(1, 3)
	req, state := newRequest(t, "")
	for _, want := range []*reverseproxy.Upstream{pool[0], pool[1], pool[2], pool[0]} {
		assert.Same(t, want, policy.Select(pool, req, nil))
		assert.Equal(t, tagOf(want), state.chosen)
	}
}

func TestRetriesStayWithAPinnedUpstreamThatWasDialed(t *testing.T) {
	policy := newPolicy(t, "fallback first")
	pool := newPool(1, 3)
	req, _ := newRequest(t, tagOf(pool[2]))
	for range 3 {
		assert.Same(t, pool[2], policy.Select(pool, req, nil))
	}
}

func TestSelectWithoutAWriter(t *testing.T) {
	pool := newPool(1, 3)
	for _, fallback := range []string{"cookie lb", "header X-Y", "least_conn"} {
		policy := newPolicy(t, "fallback "+fallback)
		req, _ := newRequest(t, "")
		assert.NotNil(t, policy.Select(pool, req, nil))
	}
}

func TestSelectIsSafeForConcurrentUse(t *testing.T) {
	policy := newPolicy(t, "")
	var group sync.WaitGroup
	for worker := range 16 {
		group.Go(func() {
			for i := range 500 {
				pool := newPool(worker*i%50, 10)
				want := pool[i%len(pool)]
				req, _ := newRequest(t, tagOf(want))
				if got := policy.Select(pool, req, nil); got != want {
					t.Errorf("got %v, want %v", got, want)
					return
				}
				req, state := newRequest(t, "")
				if got := policy.Select(pool, req, nil); state.chosen != tagOf(got) {
					t.Errorf("the tag of %v is not %s", got, state.chosen)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestSelectOfAPinnedSessionAllocatesNothing(t *testing.T) {
	policy := newPolicy(t, "")
	pool := newPool(1, 100)
	req, _ := newRequest(t, tagOf(pool[50]))
	w := httptest.NewRecorder()
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		policy.Select(pool, req, w)
	}))
}

func TestAffinityAsItsOwnFallbackIsRejected(t *testing.T) {
	policy := &AffinitySelection{FallbackRaw: []byte(`{"policy":"affinity"}`)}
	require.NoError(t, policy.Provision(newContext(t)))
	require.ErrorIs(t, policy.Validate(), errOwnFallback)
}
