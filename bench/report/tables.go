package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/eio-affinity/affinity/bench/work"
	"github.com/eio-affinity/affinity/internal/markdown"
)

// writeRequests writes the table of one kind of requests.
func (r Results) writeRequests(text *strings.Builder, kind string) {
	rows := [][]string{}
	for _, requests := range r.Requests {
		if requests.Kind != kind {
			continue
		}
		taken := requests.spread(cpu)
		relative := ""
		if floor, ok := find(r.Requests, kind, requests.Floor); ok {
			relative = fmt.Sprintf("%.2f", requests.timesFloor(floor))
		}
		wall := requests.spread(func(r work.Round) time.Duration { return r.Wall }).Median
		rows = append(rows, []string{
			requests.System,
			fmt.Sprintf("%s (%s to %s)", microseconds(taken.Median), microseconds(taken.Least), microseconds(taken.Most)),
			relative,
			fmt.Sprintf("%.0f", float64(time.Second)/float64(wall)),
			milliseconds(requests.spread(func(r work.Round) time.Duration { return r.Median }).Median),
			milliseconds(requests.spread(func(r work.Round) time.Duration { return r.P99 }).Median),
		})
	}
	if len(rows) > 0 {
		writeTable(text, "## "+kind, []string{"proxy", "CPU in µs: median (least to most)", "× its floor", "per second", "p50 in ms", "p99 in ms"}, rows)
	}
}

// writeUpstreams writes the table of proxies with many upstreams.
func (r Results) writeUpstreams(text *strings.Builder) {
	var rows [][]string
	for _, upstreams := range r.Upstreams {
		for _, poll := range upstreams.Requests {
			if poll.Kind != work.Poll {
				continue
			}
			row := []string{poll.System, strconv.Itoa(upstreams.Count), microseconds(poll.spread(cpu).Median), ""}
			if handshake, measured := find(upstreams.Requests, work.Handshake, poll.System); measured {
				row[3] = microseconds(handshake.spread(cpu).Median)
			}
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 {
		writeTable(text, "## Many upstreams", []string{"proxy", "upstreams", "poll: CPU in µs", "handshake: CPU in µs"}, rows)
	}
}

// writeMemory writes the table of idle sessions.
func (r Results) writeMemory(text *strings.Builder) {
	rows := make([][]string, 0, len(r.Memory))
	for _, m := range r.Memory {
		inUse, relative := "", ""
		if floor, ok := r.memoryFloorOf(m); ok {
			relative = fmt.Sprintf("%.2f", float64(m.Resident)/float64(floor.Resident))
			if m.InUse > 0 && floor.InUse > 0 {
				relative = fmt.Sprintf("%.2f, %s", float64(m.InUse)/float64(floor.InUse), relative)
			}
		}
		if m.InUse > 0 {
			inUse = kibibytes(m.InUse)
		}
		scheme := "HTTP"
		if m.TLS {
			scheme = "HTTPS"
		}
		rows = append(rows, []string{m.System, string(m.Transport), scheme, fmt.Sprint(m.Sessions), inUse, kibibytes(m.Resident), relative})
	}
	if len(rows) > 0 {
		writeTable(text, "## Memory of an idle session", []string{"proxy", "transport", "", "sessions", "heap and stacks in KiB", "resident in KiB", "× its floor"}, rows)
	}
}

// writeStorms writes the table of restarts.
func (r Results) writeStorms(text *strings.Builder) {
	rows := make([][]string, 0, len(r.Storms))
	for _, s := range r.Storms {
		rows = append(rows, []string{
			s.System, fmt.Sprint(s.Proxies), fmt.Sprint(s.Clients), fmt.Sprintf("%.1f", s.Up.Seconds()),
			fmt.Sprint(s.Errors), fmt.Sprintf("%.2f", s.CPU.Seconds()),
		})
	}
	if len(rows) > 0 {
		writeTable(text, "## All nodes restarted", []string{"proxy", "proxies", "clients", "all are up after, in s", "failed attempts", "CPU in s"}, rows)
	}
}

// writeTable writes a heading and a table.
func writeTable(text *strings.Builder, heading string, head []string, rows [][]string) {
	table := markdown.NewTable(head...)
	for _, row := range rows {
		table.Add(row...)
	}
	fmt.Fprintf(text, "%s\n\n%s\n\n", heading, table)
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Microsecond))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

func kibibytes(n int) string { return fmt.Sprintf("%.1f", float64(n)/1024) }
