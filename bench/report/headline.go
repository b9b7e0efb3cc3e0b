package report

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/eio-affinity/affinity/bench/systems"
	"github.com/eio-affinity/affinity/bench/work"
	"github.com/eio-affinity/affinity/internal/markdown"
)

// Readme has the headline rows, between two comments.
const Readme = "README.md"

// The comments around the headline rows.
const (
	headlineBegins = "<!-- written by make bench -->\n"
	headlineEnds   = "<!-- end -->\n"
)

// inHeadline has the systems of the headline rows.
var inHeadline = []string{
	systems.CaddyPlain.Name, systems.CaddyAffinity.Name, systems.TraefikPlain.Name, systems.TraefikAffinity.Name,
	systems.Nginx.Name, systems.HAProxy.Name,
}

// errNoHeadline is returned if a text has no place for the headline rows.
var errNoHeadline = errors.New("it has no place for the rows of make bench")

// WithHeadline returns the text of the README with the rows of these results.
func (r Results) WithHeadline(readme string) (string, error) {
	before, rest, begins := strings.Cut(readme, headlineBegins)
	_, after, ends := strings.Cut(rest, headlineEnds)
	if !begins || !ends {
		return "", fmt.Errorf("%s: %w", Readme, errNoHeadline)
	}
	return before + headlineBegins + r.headline() + headlineEnds + after, nil
}

// headline returns the headline rows: what one request, and one idle session, cost.
func (r Results) headline() string {
	table := markdown.NewTable("measured side by side", "CPU of a poll", "of a handshake", "memory of an idle WebSocket")
	for _, requests := range r.Requests {
		handshake, measured := find(r.Requests, work.Handshake, requests.System)
		memory, open := r.memoryOf(requests.System, work.WebSocket, false)
		if requests.Kind != work.Poll || !measured || !open || !slices.Contains(inHeadline, requests.System) {
			continue
		}
		table.Add(requests.System, microseconds(requests.spread(cpu).Median)+" µs",
			microseconds(handshake.spread(cpu).Median)+" µs", kibibytes(memory.Resident)+" KiB")
	}
	return table.String() + "\n"
}
