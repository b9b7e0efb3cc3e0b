package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/work"
)

const (
	// sessions is how many sessions the capacity is given for.
	sessions = 1000

	// pingInterval is Socket.IO's default.
	pingInterval = 25 * time.Second

	// pingRequests is how many requests a ping over polling takes: the poll that
	// brings it, and the POST that answers it, which costs about as much.
	pingRequests = 2
)

// writeCapacity writes what a thousand idle sessions need of a proxy, as it follows
// from the other tables.
func (r Results) writeCapacity(text *strings.Builder) {
	var rows [][]string
	for _, requests := range r.Requests {
		if requests.Kind != work.Kinds[0].Name {
			continue
		}
		message, measured := find(r.Requests, work.SmallMessage, requests.System)
		if !measured {
			continue
		}
		row := append(make([]string, 0, 7), requests.System)
		for _, transport := range []work.Transport{work.WebSocket, work.Polling} {
			for _, tls := range []bool{false, true} {
				row = append(row, r.thousand(requests.System, transport, tls))
			}
		}
		row = append(row,
			ofCore(message.spread(cpu).Median, 1),
			ofCore(requests.spread(cpu).Median, pingRequests))
		rows = append(rows, row)
	}
	if len(rows) > 0 {
		writeTable(text, fmt.Sprintf("## What %d idle sessions need", sessions), []string{
			"proxy", "WebSocket: MiB", "over HTTPS", "polling: MiB", "over HTTPS", "pings over WebSocket: of one core", "over polling",
		}, rows)
	}
}

// find returns the requests of a kind and a system.
func find(all []Requests, kind, system string) (Requests, bool) {
	i := slices.IndexFunc(all, func(other Requests) bool { return other.Kind == kind && other.System == system })
	if i < 0 {
		return Requests{}, false
	}
	return all[i], true
}

// thousand returns what the sessions take of the memory that the kernel counts.
func (r Results) thousand(system string, transport work.Transport, tls bool) string {
	session, measured := r.memoryOf(system, transport, tls)
	if !measured {
		return ""
	}
	return fmt.Sprintf("%.0f", float64(session.Resident)*sessions/(1<<20))
}

// memoryOf returns what one session takes, by the measurement with the most sessions.
func (r Results) memoryOf(system string, transport work.Transport, tls bool) (Memory, bool) {
	most := Memory{}
	for _, m := range r.Memory {
		if m.System == system && m.Transport == transport && m.TLS == tls && m.Sessions > most.Sessions {
			most = m
		}
	}
	return most, most.Sessions > 0
}

// ofCore returns the part of a core that the pings of the sessions take.
func ofCore(cost time.Duration, requests int) string {
	return fmt.Sprintf("%.2f %%", 100*float64(cost)*float64(requests)*sessions/float64(pingInterval))
}
