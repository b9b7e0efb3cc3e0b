package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// costs has the CPU time of one request in each round, by kind of request and
// configuration.
type costs map[string]map[string][]time.Duration

func (c costs) add(k kind, configuration string, cost time.Duration) {
	if c[k.title] == nil {
		c[k.title] = map[string][]time.Duration{}
	}
	c[k.title][configuration] = append(c[k.title][configuration], cost)
}

// median returns the one in the middle, or the mean of the two there.
func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// String returns a table of the medians and of how they compare.
func (c costs) String() string {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 3, ' ', tabwriter.AlignRight)
	line := func(cells ...any) {
		for _, cell := range cells {
			_, _ = fmt.Fprint(table, cell, "\t")
		}
		_, _ = fmt.Fprintln(table)
	}
	line("", "no plugin", "empty plugin", "affinity", "affinity / empty", "affinity / none")
	for _, k := range kinds {
		none, empty, affinity := median(c[k.title]["none"]), median(c[k.title]["empty"]), median(c[k.title]["affinity"])
		line(k.title, microseconds(none), microseconds(empty), microseconds(affinity), ratio(affinity, empty), ratio(affinity, none))
	}
	_ = table.Flush() // nothing fails that writes into a strings.Builder
	return text.String()
}

func microseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f", float64(d)/float64(time.Microsecond))
}

func ratio(a, b time.Duration) string {
	return fmt.Sprintf("%.2f", float64(a)/float64(b))
}
