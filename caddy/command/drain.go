package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

var (
	// errTimeoutWithoutWait is returned when --timeout is given without --wait.
	errTimeoutWithoutWait = errors.New("--timeout requires --wait")

	// errDrainedByConfig is returned when an upstream is draining after its drain was
	// undone.
	errDrainedByConfig = errors.New("still draining, because drain is in the config: remove it there, and reload")
)

// drainCommand returns "caddy affinity drain".
func (c commands) drainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drain <upstreams...> [--wait [--timeout <duration>]] [--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Drains upstreams: they keep their sessions, and get no new ones",
		Long: fmt.Sprintf(`
Drains upstreams, which are named by their addresses as "caddy affinity" prints
them. A draining upstream keeps every session that it has, and gets no new one.
The drain is for all sites that have the upstream, survives a reload of the
config, and ends with "caddy affinity undrain" or when Caddy ends.

With --wait, the command ends when the upstreams are empty. A session that polls
has no open poll for a moment between two polls. So an upstream counts as empty
when nothing was open on it in any sample of the last %s, with a sample
every %s. The numbers printed are the most that was open in this time.
A client that takes longer than that between two polls is not seen, for example
one whose network is gone.

With --timeout, the command ends with an error after this time. Then, and if it is
interrupted, the upstreams are still draining.`, c.settle, c.sampleEvery),
		Args: cobra.MinimumNArgs(1),
		RunE: c.drain,
	}
	cmd.Flags().Bool("wait", false, "Wait until nothing is open on the upstreams")
	cmd.Flags().Duration("timeout", 0, "How long to wait at most (default: without a limit)")
	return cmd
}

// undrainCommand returns "caddy affinity undrain".
func undrainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "undrain <upstreams...> [--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Ends the drain of upstreams: they get new sessions again",
		Args:  cobra.MinimumNArgs(1),
		RunE:  undrain,
	}
}

// drain is "caddy affinity drain".
func (c commands) drain(cmd *cobra.Command, addresses []string) error {
	flags := caddycmd.Flags{FlagSet: cmd.Flags()}
	timeout := flags.Duration("timeout")
	if timeout != 0 && !flags.Bool("wait") {
		return errTimeoutWithoutWait
	}
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	// From here on, an interruption says what was drained.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		out = cmd.ErrOrStderr()
	}
	progress := newProgress(out)
	drained, err := postEach(api, adminapi.DrainPath, addresses, func(upstream adminapi.Upstream) error {
		line := drainingLine(upstream.Address, upstream.OpenPolls, upstream.OpenWebSockets)
		progress.shown = append(progress.shown, line)
		_, err := fmt.Fprintln(out, line)
		return err
	})
	if err != nil {
		return err
	}
	if flags.Bool("wait") {
		waiting := newWait(c, api, drained, progress)
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		if drained, err = waiting.run(ctx); err != nil {
			return err
		}
	}
	return printStates(cmd, drained)
}

// undrain is "caddy affinity undrain".
func undrain(cmd *cobra.Command, addresses []string) error {
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		out = cmd.ErrOrStderr()
	}
	undrained, err := postEach(api, adminapi.UndrainPath, addresses, func(upstream adminapi.Upstream) error {
		if upstream.Draining {
			return fmt.Errorf("%s: %w", printable(upstream.Address), errDrainedByConfig)
		}
		_, err := fmt.Fprintf(out, "%s gets new sessions.\n", printable(upstream.Address))
		return err
	})
	if err != nil {
		return err
	}
	return printStates(cmd, undrained)
}

// postEach sends a request for each upstream, and calls done with its state after
// it.
func postEach(api client, path string, addresses []string, done func(adminapi.Upstream) error) ([]adminapi.Upstream, error) {
	var states []adminapi.Upstream
	for i, address := range addresses {
		if slices.Contains(addresses[:i], address) {
			continue
		}
		var state adminapi.Upstream
		if _, err := api.post(path, adminapi.DrainRequest{Upstream: address}, &state); err != nil {
			return nil, err
		}
		if err := done(state); err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}

// printStates prints states as JSON if the command has the flag.
func printStates(cmd *cobra.Command, states []adminapi.Upstream) error {
	if !wantsJSON(cmd) {
		return nil
	}
	raw, err := json.Marshal(states)
	if err != nil {
		return fmt.Errorf("encoding the upstreams: %w", err)
	}
	return printJSON(cmd.OutOrStdout(), raw)
}

// drainingLine says what is open on an upstream that is draining.
func drainingLine(address string, polls, webSockets int64) string {
	return fmt.Sprintf("%s is draining: %s", printable(address), openOn(polls, webSockets))
}

// openOn returns what is open on an upstream, in words.
func openOn(polls, webSockets int64) string {
	var open []string
	if polls > 0 {
		open = append(open, plural(polls, "poll"))
	}
	if webSockets > 0 {
		open = append(open, plural(webSockets, "WebSocket"))
	}
	if len(open) == 0 {
		return "nothing is open"
	}
	return strings.Join(open, " and ") + " open"
}

// plural returns a number of things.
func plural(count int64, thing string) string {
	if count != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", count, thing)
}
