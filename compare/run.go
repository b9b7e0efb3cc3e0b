package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/eio-affinity/affinity/internal/peers"
)

// run runs what the options choose, and writes the document if that is everything.
func run(ctx context.Context, o options, out io.Writer) error {
	if o.render {
		results, err := readResults()
		if err != nil {
			return err
		}
		return results.writeDocument()
	}
	systems, err := choose("SYSTEMS", peers.All(), func(s *peers.System) string { return s.Name }, o.systems)
	if err != nil {
		return err
	}
	rows, err := choose("SCENARIOS", scenarios(), func(s *scenario) string { return s.name }, o.scenarios)
	if err != nil {
		return err
	}
	c := &comparison{rows: rows, out: out, began: time.Now(), cells: map[string]map[string]outcome{}}
	defer c.close()
	if err := c.runAll(ctx, systems, max(1, o.atOnce)); err != nil {
		return err
	}
	fmt.Fprintf(out, "%d cells in %s\n", c.done, time.Since(c.began).Round(time.Second))
	if len(o.systems)+len(o.scenarios) > 0 {
		return nil
	}
	results, err := newResults(ctx, c.cells, time.Since(c.began))
	if err != nil {
		return err
	}
	if err := results.write(); err != nil {
		return err
	}
	fmt.Fprintf(out, "wrote %s, %s and %s\n", resultsFile, documentFile, pictureFile)
	return nil
}

// comparison is what has been run so far.
type comparison struct {
	rows  []*scenario
	out   io.Writer
	began time.Time

	mu    sync.Mutex
	all   int // cells
	done  int
	cells map[string]map[string]outcome // by system and scenario

	browserOnce sync.Once
	browser     *browser
	browserErr  error
}

// close ends what the systems share.
func (c *comparison) close() {
	if c.browser != nil && c.browser.Process != nil {
		c.browser.close()
	}
}

// sharedBrowser starts the browser when the first system needs it.
func (c *comparison) sharedBrowser() (*browser, error) {
	c.browserOnce.Do(func() { c.browser, c.browserErr = startBrowser() })
	return c.browser, c.browserErr
}

// runAll runs all systems, several at a time.
func (c *comparison) runAll(ctx context.Context, systems []*peers.System, atOnce int) error {
	c.all = len(systems) * len(c.rows)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	queue := make(chan *peers.System, len(systems))
	for _, s := range systems {
		queue <- s
	}
	close(queue)
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for s := range queue {
				if err := c.runSystem(ctx, s); err != nil {
					cancel(fmt.Errorf("%s: %w", s.Name, err)) // the first one counts
					return
				}
			}
		})
	}
	running.Wait()
	return context.Cause(ctx)
}

// runSystem runs all scenarios of a system. Each has a system that has just started, as
// what it has served before may decide where it sends the next request: Apache counts
// requests. They share nodes as long as these are as they were.
func (c *comparison) runSystem(ctx context.Context, system *peers.System) error {
	var s *stage
	defer func() {
		if s != nil {
			s.close()
		}
	}()
	refused := ""
	for _, row := range c.rows {
		if reason := system.Lacks[row.needs]; reason != "" && refused == "" {
			c.add(system, row, outcome{Verdict: impossible, Text: "–", Detail: reason}, 0)
			continue
		}
		began := time.Now()
		var o outcome
		var err error
		if refused == "" {
			o, err = c.runTwice(ctx, system, row, &s)
		}
		if errors.Is(err, peers.ErrRefused) {
			refused, err = fmt.Sprintf("this %s refuses the configuration: `%s`", system.Program, system.Refusal), nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", row.name, errors.Join(err, context.Cause(ctx)))
		}
		if refused != "" {
			o = outcome{Verdict: notRun, Text: "–", Detail: refused}
		}
		c.add(system, row, o, time.Since(began))
	}
	return nil
}

// runTwice runs a scenario again that has not gone well, and returns what went better: a
// busy machine is not to be held against a system.
func (c *comparison) runTwice(ctx context.Context, system *peers.System, row *scenario, s **stage) (outcome, error) {
	first, err := c.runOnce(ctx, system, row, s)
	if err != nil || first.Verdict == works {
		return first, err
	}
	second, err := c.runOnce(ctx, system, row, s)
	if err != nil || second.better(first) {
		return second, err
	}
	return first, nil
}

// runOnce runs a scenario on a stage, which it opens, and closes if it is not as it was.
func (c *comparison) runOnce(ctx context.Context, system *peers.System, row *scenario, at **stage) (outcome, error) {
	version := cmp.Or(row.version, 4)
	if *at != nil && (*at).version != version {
		(*at).close()
		*at = nil
	}
	if *at == nil {
		*at = &stage{system: system, version: version, browser: c.sharedBrowser}
	}
	s := *at
	if err := s.open(ctx); err != nil {
		return outcome{}, err
	}
	o, err := row.run(ctx, s)
	if row.disturbs {
		s.close()
		*at = nil
	}
	return o, err
}

// add keeps an outcome, and prints it.
func (c *comparison) add(system *peers.System, row *scenario, o outcome, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cells[system.Name] == nil {
		c.cells[system.Name] = map[string]outcome{}
	}
	c.cells[system.Name][row.name] = o
	c.done++
	detail, _, _ := strings.Cut(o.Detail, "\n")
	fmt.Fprintf(c.out, "[%3d/%d] %5.0f s  %-30s %-18s %-16s %4.1f s  %s\n",
		c.done, c.all, time.Since(c.began).Seconds(), system.Name, row.name, o.Text, took.Seconds(), detail)
}
