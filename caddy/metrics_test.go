package caddy

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/caddy/handover"
	"github.com/eio-affinity/affinity/core"
)

// seriesOf returns the time series of the running config whose names begin with
// caddy_affinity_, without that. The values are
// whole numbers.
func seriesOf(t *testing.T) map[string]int {
	t.Helper()
	return gather(t, registryOf())
}

// registryOf returns the registry of the running config.
func registryOf() *prometheus.Registry {
	ctx := caddy.ActiveContext()
	return ctx.GetMetricsRegistry()
}

// gather is seriesOf for any registry.
func gather(t *testing.T, gatherer prometheus.Gatherer) map[string]int {
	t.Helper()
	families, err := gatherer.Gather()
	require.NoError(t, err)
	series := map[string]int{}
	for _, family := range families {
		name, ours := strings.CutPrefix(family.GetName(), "caddy_affinity_")
		if !ours {
			continue
		}
		for _, one := range family.GetMetric() {
			var labels []string
			for _, label := range one.GetLabel() {
				labels = append(labels, fmt.Sprintf("%s=%q", label.GetName(), label.GetValue()))
			}
			key := name
			if labels != nil {
				key += "{" + strings.Join(labels, ",") + "}"
			}
			series[key] = int(one.GetCounter().GetValue() + one.GetGauge().GetValue())
		}
	}
	return series
}

// of returns the name of the series of an upstream.
func of(name string, n *node) string {
	return fmt.Sprintf("%s{upstream=%q}", name, n.address())
}

func TestMetricsCountRequests(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	sid := s.open(t, polling)
	sid3 := s.open(t, polling3)
	for range 3 {
		s.get(t, polling+"&sid="+sid)
	}
	s.get(t, polling3+"&sid="+sid3)
	s.get(t, polling+"&sid="+core.Bind(core.NewTagger("theirs").Tag("b"), "a-1"))
	s.get(t, polling+"&sid=a-1")
	s.do(t, http.MethodOptions, polling+"&sid="+sid)
	s.do(t, http.MethodDelete, polling)
	s.get(t, "page=1")

	series := seriesOf(t)
	assert.Equal(t, 2, series[`requests_total{kind="handshake",reason="new"}`])
	assert.Equal(t, 3, series[`requests_total{kind="poll",reason="tag"}`])
	assert.Equal(t, 1, series[`requests_total{kind="poll",reason="learned"}`])
	assert.Equal(t, 1, series[`requests_total{kind="poll",reason="unknown_tag"}`])
	assert.Equal(t, 1, series[`requests_total{kind="poll",reason="unknown_session"}`])
	assert.Equal(t, 1, series[`requests_total{kind="preflight",reason="tag"}`])
	assert.Equal(t, 1, series[`requests_total{kind="other",reason="new"}`])
	assert.Equal(t, 2, series[of("sessions_opened_total", nodes[0])]+series[of("sessions_opened_total", nodes[1])])
	assert.Equal(t, 1, series["learned_sessions"])
	assert.Equal(t, core.DefaultMaxSessions, series["learned_sessions_limit"])
	requests := 0
	for name, value := range series {
		if strings.HasPrefix(name, "requests_total") {
			requests += value
		}
	}
	assert.Equal(t, 10, requests, "each Engine.IO request once: %v", series)
}

func TestMetricsShowUpstreams(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\ncool_down 1h\n}")
	sid := s.open(t, polling)
	lost, other := nodes[0], nodes[1]
	if nodeIn(sid) == "b" {
		lost, other = nodes[1], nodes[0]
	}
	lost.Close()
	s.get(t, polling+"&sid="+sid)
	drain(t, other.address())
	series := seriesOf(t)
	assert.Equal(t, 1, series[of("sessions_opened_total", lost)])
	assert.Equal(t, 1, series[of("sessions_lost_total", lost)])
	assert.Equal(t, 1, series[of("dial_failures_total", lost)])
	assert.Equal(t, 1, series[of("upstreams_cooling_down", lost)])
	assert.Equal(t, 0, series[of("upstreams_cooling_down", other)])
	assert.Equal(t, 1, series[of("upstreams_healthy", other)])
	assert.Equal(t, 0, series[of("upstreams_draining", lost)])
	assert.Equal(t, 1, series[of("upstreams_draining", other)])
}

func TestMetricsSurviveAReload(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	sid := s.open(t, polling)
	for s.open(t, polling); nodes[0].sessions.Load() == 0 || nodes[1].sessions.Load() == 0; {
		s.open(t, polling)
	}
	before := registryOf()
	opened := seriesOf(t)[of("sessions_opened_total", nodes[0])]
	s.reload(t, "header X-Turn 1\nsocketio"+addresses)
	series := seriesOf(t)
	assert.NotSame(t, before, registryOf())
	assert.Equal(t, opened, series[of("sessions_opened_total", nodes[0])])
	handovers := series[`handovers_total{result="immediate"}`] + series[`handovers_total{result="waited"}`] + series[`handovers_total{result="timed_out"}`]
	assert.Equal(t, 1, handovers)

	kept, removed := nodes[0], nodes[1]
	if nodeIn(sid) == "a" {
		kept, removed = removed, kept
	}
	s.reload(t, "socketio "+kept.address())
	res, _ := s.get(t, polling+"&sid="+sid)
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	series = seriesOf(t)
	assert.Equal(t, 1, series[`sessions_lost_total{upstream="removed"}`])
	assert.Equal(t, 1, series[`requests_total{kind="poll",reason="upstream_gone"}`])
	assert.Contains(t, series, of("sessions_opened_total", kept))
	assert.NotContains(t, series, of("sessions_opened_total", removed))
}

func TestMetricsCountHandshakeTimeouts(t *testing.T) {
	s, frozen, other, thaw := serveFrozen(t, "cool_down 1h")
	s.get(t, polling)
	thaw()
	series := seriesOf(t)
	assert.Equal(t, 1, series[of("handshake_timeouts_total", frozen)])
	assert.Equal(t, 1, series[of("upstreams_cooling_down", frozen)])
	assert.Equal(t, 0, series[of("handshake_timeouts_total", other)])
	assert.Equal(t, 0, series[of("dial_failures_total", frozen)])
}

func TestMetricsCountRejectedRequests(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	const options = " {\nlost reject\n}"
	s := serve(t, "socketio"+addresses+options)
	sid := s.open(t, polling)
	kept := nodes[0]
	if nodeIn(sid) == "a" {
		kept = nodes[1]
	}
	s.reload(t, "socketio "+kept.address()+options)
	res, _ := s.get(t, polling+"&sid="+sid)
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	series := seriesOf(t)
	assert.Equal(t, 1, series["requests_rejected_total"])
	assert.Equal(t, 1, series[`requests_total{kind="poll",reason="upstream_gone"}`])
	assert.Equal(t, 1, series[`sessions_lost_total{upstream="removed"}`])
}

// An upstream that was removed keeps its series while something is open on it.
func TestMetricsOfRemovedUpstreamsStayWhileSomethingIsOpen(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses)
	s.open(t, polling)
	stats := runningState().upstreams.of(nodes[0].address())
	stats.addOpen(openWebSocket, 1)
	s.reload(t, "socketio "+nodes[1].address())
	series := seriesOf(t)
	assert.Equal(t, 1, series[of("open_websockets", nodes[0])])
	assert.NotContains(t, series, of("upstreams_healthy", nodes[0]))
	stats.addOpen(openWebSocket, -1)
	assert.NotContains(t, seriesOf(t), of("open_websockets", nodes[0]))
}

func TestMetricsOfManyUpstreamsAreBounded(t *testing.T) {
	const many = maxUpstreamSeries + 500
	policy := newPolicy(t, "")
	shared := policy.tags.shared
	shared.policies.add([]*AffinitySelection{policy})
	pool := newPool(1, many)
	policy.notePool(pool)
	for _, upstream := range pool {
		policy.tags.of(pool, upstream).stats.opened.Add(1)
	}
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(&collector{shared: shared}))
	series := gather(t, registry)
	count := 0
	for name := range series {
		if strings.HasPrefix(name, "sessions_opened_total") {
			count++
		}
	}
	assert.Equal(t, maxUpstreamSeries+1, count)
	assert.Equal(t, many-maxUpstreamSeries, series[`sessions_opened_total{upstream="other"}`])
	assert.Equal(t, 1, series[`upstreams_healthy{upstream="other"}`])
}

func TestMetricsHaveNoLabelsThatBreakAScrape(t *testing.T) {
	byLabel := labeled([]adminapi.Upstream{
		{Address: "a\xff:1", Opened: 1, Healthy: true},
		{Address: "other", Opened: 2},
		{Address: "removed", Opened: 4, CoolDown: new(adminapi.CoolDown), Draining: true},
		{Address: "b:1", Opened: 8, Removed: true},
	})
	require.Len(t, byLabel, 2)
	assert.EqualValues(t, 8, byLabel["b:1"].Opened)
	other := byLabel["other"]
	assert.EqualValues(t, 7, other.Opened)
	assert.False(t, other.Healthy)
	assert.True(t, other.Draining)
	assert.NotNil(t, other.CoolDown)
}

func TestMetricsBeginAtZeroAndFollowTheRules(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(&collector{shared: newPolicy(t, "").tags.shared}))
	for name, value := range gather(t, registry) {
		if name != "learned_sessions_limit" {
			assert.Zero(t, value, name)
		}
	}
	families, err := registry.Gather()
	require.NoError(t, err)
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestMetricsCountHandovers(t *testing.T) {
	var counts handoverCounts
	counts.add(handover.Immediate, 0)
	counts.add(handover.TimedOut, 5*time.Second)
	counts.add(handover.Waited, 500*time.Millisecond)
	sent := map[string]float64{}
	counts.collect(func(_ metric, value float64, labels ...string) { sent[strings.Join(labels, ",")] = value })
	assert.Equal(t, map[string]float64{"immediate": 1, "waited": 1, "timed_out": 1, "": 5.5}, sent)
}
