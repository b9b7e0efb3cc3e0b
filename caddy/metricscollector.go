package caddy

import (
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/caddy/handover"
	"github.com/eio-affinity/affinity/core"
)

// maxUpstreamSeries is how many upstreams have time series of their own. Dynamic
// upstreams may be any number.
const maxUpstreamSeries = 1000

// The values of the label "upstream" that are no addresses.
const (
	// otherUpstreams is what the upstreams above maxUpstreamSeries have together.
	otherUpstreams = "other"

	// removedUpstreams is what was counted for upstreams after they were removed.
	removedUpstreams = "removed"
)

// noReason is the value of the label "reason" for the empty reason.
const noReason = "none"

// collector reads the counts of the shared state when the metrics are scraped, so
// that they cost a request nothing. Each config has one in its own registry.
type collector struct {
	shared *sharedState
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range metrics {
		descs <- m.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(series chan<- prometheus.Metric) {
	send := func(m metric, value float64, labels ...string) {
		series <- prometheus.MustNewConstMetric(m.desc, m.valueType, value, labels...)
	}
	c.shared.requests.collect(send)
	c.shared.collectUpstreams(send)
	send(learnedSessions, float64(c.shared.sessions.Len()))
	send(learnedSessionsLimit, float64(c.shared.sessions.Limit()))
	send(learnedSessionsEvictedTotal, float64(c.shared.sessions.Evicted()))
	c.shared.handovers.collect(send)
}

// sendMetric sends the value of one time series.
type sendMetric func(m metric, value float64, labels ...string)

// collect sends the counts of requests.
func (c *requestCounts) collect(send sendMetric) {
	for kind := range core.NumKinds {
		for position, reason := range reasons {
			name := string(reason)
			if name == "" {
				name = noReason
			}
			send(requestsTotal, float64(c.byKind[kind][position].Load()), core.Kind(kind).String(), name)
		}
	}
	send(requestsWaitedTotal, float64(c.waited.Load()))
	send(requestsRejectedTotal, float64(c.rejected.Load()))
	send(upgradesTotal, float64(c.upgrades.Load()))
	for cause := range c.unbound {
		if cause != int(core.NotUnbound) {
			send(handshakesUnboundTotal, float64(c.unbound[cause].Load()), unboundName(cause))
		}
	}
}

// collectUpstreams sends the state of each upstream.
func (s *sharedState) collectUpstreams(send sendMetric) {
	for label, upstream := range labeled(s.status()) {
		send(sessionsOpenedTotal, float64(upstream.Opened), label)
		send(sessionsLostTotal, float64(upstream.Lost), label)
		send(dialFailuresTotal, float64(upstream.FailedDials), label)
		send(handshakeTimeoutsTotal, float64(upstream.HandshakeTimeouts), label)
		send(openPolls, float64(upstream.OpenPolls), label)
		send(openWebSockets, float64(upstream.OpenWebSockets), label)
		send(upstreamsDraining, number(upstream.Draining), label)
		if !upstream.Removed {
			send(upstreamsHealthy, number(upstream.Healthy), label)
			send(upstreamsCoolingDown, number(upstream.CoolDown != nil), label)
		}
	}
	send(sessionsLostTotal, float64(s.upstreams.removed.lost.Load()), removedUpstreams)
}

// labeled returns upstreams by their values of the label "upstream": their
// addresses, or, above a limit, one value for the sum of all others.
func labeled(upstreams []adminapi.Upstream) map[string]adminapi.Upstream {
	byLabel := make(map[string]adminapi.Upstream, min(len(upstreams), maxUpstreamSeries+1))
	for _, upstream := range upstreams {
		label := upstream.Address
		if len(byLabel) >= maxUpstreamSeries || label == removedUpstreams || !utf8.ValidString(label) {
			label = otherUpstreams
		}
		if other, more := byLabel[label]; more {
			upstream = sum(other, upstream)
		}
		byLabel[label] = upstream
	}
	return byLabel
}

// sum returns the sum of two upstreams. It is only healthy if both are, but drains
// or cools down if one of them does.
func sum(a, b adminapi.Upstream) adminapi.Upstream {
	a.Opened += b.Opened
	a.Lost += b.Lost
	a.FailedDials += b.FailedDials
	a.HandshakeTimeouts += b.HandshakeTimeouts
	a.OpenPolls += b.OpenPolls
	a.OpenWebSockets += b.OpenWebSockets
	a.Healthy = (a.Healthy || a.Removed) && (b.Healthy || b.Removed)
	a.Removed = a.Removed && b.Removed
	a.Draining = a.Draining || b.Draining
	if a.CoolDown == nil {
		a.CoolDown = b.CoolDown
	}
	return a
}

// number returns 1 for true and 0 for false.
func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// handoverCounts counts the handovers of listening sockets from one config to the
// next.
type handoverCounts struct {
	byResult [handover.NumResults]atomic.Uint64
	// waited is how long they waited, in nanoseconds.
	waited atomic.Int64
}

// add counts a handover.
func (c *handoverCounts) add(result handover.Result, waited time.Duration) {
	c.byResult[result].Add(1)
	c.waited.Add(int64(waited))
}

// collect sends the counts.
func (c *handoverCounts) collect(send sendMetric) {
	for result := range c.byResult {
		send(handoversTotal, float64(c.byResult[result].Load()), handover.Result(result).String())
	}
	send(handoverWaitSecondsTotal, time.Duration(c.waited.Load()).Seconds())
}

// Interface guards.
var _ prometheus.Collector = (*collector)(nil)
