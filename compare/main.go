// Command compare runs the same scenarios, with stock Socket.IO clients and nodes,
// through every system that Socket.IO's page "Using multiple nodes" lists, through
// Caddy's own policies, and through this module, and writes what happened to
// docs/comparison.md, with a picture. `make compare` builds and installs what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	var o options
	systems := flag.String("systems", "", "run these `systems` only, separated by commas, and do not write the document")
	scenarios := flag.String("scenarios", "", "run these `scenarios` only, separated by commas, and do not write the document")
	flag.IntVar(&o.atOnce, "at-once", 2, "how `many` systems run at a time: what they do is mostly waiting")
	flag.BoolVar(&o.render, "render", false, "run nothing: write the document from the results of the last run")
	flag.Parse()
	o.systems, o.scenarios = split(*systems), split(*scenarios)

	// The signals stay caught until the end, so that pressing Ctrl-C twice does not end
	// this program before its children.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options is what the command line says.
type options struct {
	systems, scenarios []string // Default: all
	atOnce             int
	render             bool
}

// split returns the words between commas and spaces.
func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// errNames is returned when a name on the command line is not that of a system or of a
// scenario.
var errNames = errors.New("no such name")

// choose returns those of all that have one of these names: all of them without names.
func choose[T any](variable string, all []T, nameOf func(T) string, names []string) ([]T, error) {
	if len(names) == 0 {
		return all, nil
	}
	byName, known := map[string]T{}, make([]string, len(all))
	for i, one := range all {
		known[i] = nameOf(one)
		byName[known[i]] = one
	}
	var chosen []T
	for _, name := range names {
		one, exists := byName[name]
		if !exists {
			return nil, fmt.Errorf("%w in %s: %q. There are: %s", errNames, variable, name, strings.Join(known, ", "))
		}
		chosen = append(chosen, one)
	}
	return chosen, nil
}
