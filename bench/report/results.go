// Package report has what the benchmark measured, and writes it for readers.
package report

import (
	"slices"
	"time"

	"github.com/eio-affinity/affinity/bench/work"
)

// Results is what one run measured.
type Results struct {
	Machine   Machine
	Command   string
	Rounds    int
	Requests  []Requests
	Upstreams []Upstreams
	Memory    []Memory
	Storms    []Storm
}

// Upstreams has the requests through proxies with this many upstreams.
type Upstreams struct {
	Count    int
	Requests []Requests
}

// Machine is where it was measured, and with what.
type Machine struct {
	Date     string
	CPU      string
	Cores    int
	Kernel   string
	Go       string
	Versions []Version
}

// Version is the version of a program.
type Version struct{ Program, Version string }

// Requests is what the rounds of one kind of requests took on one system.
type Requests struct {
	Kind, System, Floor string
	Rounds              []work.Round
}

// Memory is what one idle session takes on one system.
type Memory struct {
	System, Floor string
	Transport     work.Transport
	TLS           bool
	Sessions      int
	work.Memory
}

// Storm is a restart of all nodes behind one system.
type Storm struct {
	System  string
	Proxies int
	work.Storm
}

// kinds returns the kinds of requests, in the order in which they were measured.
func (r Results) kinds() []string {
	var kinds []string
	for _, requests := range r.Requests {
		if !slices.Contains(kinds, requests.Kind) {
			kinds = append(kinds, requests.Kind)
		}
	}
	return kinds
}

// Spread is the median of several measurements, and the least and the most.
type Spread struct{ Median, Least, Most time.Duration }

// spread returns the spread of one value of the rounds.
func (r Requests) spread(value func(work.Round) time.Duration) Spread {
	values := make([]time.Duration, len(r.Rounds))
	for i, round := range r.Rounds {
		values[i] = value(round)
	}
	slices.Sort(values)
	if len(values) == 0 {
		return Spread{}
	}
	return Spread{Median: middle(values), Least: values[0], Most: values[len(values)-1]}
}

// middle returns the median of a sorted list.
func middle[T time.Duration | float64](sorted []T) T {
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}

// timesFloor returns how many times the CPU time of the floor the rounds took: the
// median of what each took beside the same round of the floor, as the machine may be
// slower in some rounds than in others.
func (r Requests) timesFloor(floor Requests) float64 {
	ratios := make([]float64, min(len(r.Rounds), len(floor.Rounds)))
	for i := range ratios {
		ratios[i] = float64(cpu(r.Rounds[i])) / float64(cpu(floor.Rounds[i]))
	}
	slices.Sort(ratios)
	return middle(ratios)
}

// cpu returns the CPU time of a round.
func cpu(r work.Round) time.Duration { return r.CPU }

// memoryFloorOf returns what the floor of a system takes for the same sessions.
func (r Results) memoryFloorOf(m Memory) (Memory, bool) {
	i := slices.IndexFunc(r.Memory, func(other Memory) bool {
		return other.System == m.Floor && other.Transport == m.Transport && other.TLS == m.TLS && other.Sessions == m.Sessions
	})
	if i < 0 {
		return Memory{}, false
	}
	return r.Memory[i], true
}
