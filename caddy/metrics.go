package caddy

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metric is a metric of the collector.
type metric struct {
	desc       *prometheus.Desc
	valueType  prometheus.ValueType
	name, help string
	labels     []string
}

// metrics has all metrics, in the order of their definitions below.
var metrics []metric

// newMetric defines a metric, and newCounter and newGauge define one of their type.
func newMetric(valueType prometheus.ValueType, name, help string, labels []string) metric {
	name = prometheus.BuildFQName("caddy", appName, name)
	m := metric{prometheus.NewDesc(name, help, labels, nil), valueType, name, help, labels}
	metrics = append(metrics, m)
	return m
}

func newCounter(name, help string, labels ...string) metric {
	return newMetric(prometheus.CounterValue, name, help, labels)
}

func newGauge(name, help string, labels ...string) metric {
	return newMetric(prometheus.GaugeValue, name, help, labels)
}

// The metrics. The table in docs/operations.md has the same names, labels and help.
var (
	requestsTotal = newCounter("requests_total",
		"Engine.IO requests that got a reply, by what they do and why they went to their upstream.", "kind", "reason")
	requestsWaitedTotal = newCounter("requests_waited_total",
		"Engine.IO requests that waited for the upstream of their session, which was at its request limit.")
	requestsRejectedTotal = newCounter("requests_rejected_total",
		"Engine.IO requests of lost sessions that got a reply from Caddy instead of an upstream, with lost reject.")
	handshakesUnboundTotal = newCounter("handshakes_unbound_total",
		"Handshake polls whose session was not pinned, by cause.", "cause")
	upgradesTotal = newCounter("upgrades_total",
		"Sessions that opened a WebSocket after they began with polling.")

	sessionsOpenedTotal = newCounter("sessions_opened_total",
		"Sessions opened.", "upstream")
	sessionsLostTotal = newCounter("sessions_lost_total",
		"Polling requests of open sessions that failed because the upstream could not be reached or did not have the session. A lost session normally has one.", "upstream")
	dialFailuresTotal = newCounter("dial_failures_total",
		"Connections to the upstream that could not be made.", "upstream")
	handshakeTimeoutsTotal = newCounter("handshake_timeouts_total",
		"Handshakes that went to another upstream because this one did not answer within handshake_timeout.", "upstream")
	openPolls = newGauge("open_polls",
		"Polls that wait for packets.", "upstream")
	openWebSockets = newGauge("open_websockets",
		"WebSockets that are open or being opened.", "upstream")
	upstreamsHealthy = newGauge("upstreams_healthy",
		"Whether the health checks of all sites find the upstream healthy.", "upstream")
	upstreamsCoolingDown = newGauge("upstreams_cooling_down",
		"Whether new sessions avoid the upstream because it could not be dialed or did not answer a handshake.", "upstream")
	upstreamsDraining = newGauge("upstreams_draining",
		"Whether the upstream gets no new sessions.", "upstream")

	learnedSessions = newGauge("learned_sessions",
		"Sessions in the table of learned sessions, including expired ones that were not removed yet.")
	learnedSessionsLimit = newGauge("learned_sessions_limit",
		"Maximum number of learned sessions.")
	learnedSessionsEvictedTotal = newCounter("learned_sessions_evicted_total",
		"Learned sessions dropped before their expiry because the table was full.")

	handoversTotal = newCounter("handovers_total",
		"Config reloads that handed over listening sockets, by whether they waited for pending connections.", "result")
	handoverWaitSecondsTotal = newCounter("handover_wait_seconds_total",
		"Time that replaced configs waited for pending connections.")
)
