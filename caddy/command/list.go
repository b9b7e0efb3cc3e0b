package command

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// list is "caddy affinity".
func list(cmd *cobra.Command, _ []string) error {
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	var upstreams []adminapi.Upstream
	raw, err := api.get(adminapi.UpstreamsPath, &upstreams)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), raw)
	}
	if len(upstreams) == 0 {
		_, err := fmt.Fprintln(cmd.OutOrStdout(), "No affinity policy has an upstream yet. Dynamic upstreams are known from the first request on.")
		return err
	}
	return printTable(cmd.OutOrStdout(), upstreams)
}

// printTable prints a table of upstreams.
func printTable(w io.Writer, upstreams []adminapi.Upstream) error {
	rows := make([]string, 0, 1+len(upstreams))
	rows = append(rows, "ADDRESS\tTAG\tSTATE\tPOLLS\tWEBSOCKETS\tOPENED\tLOST\tLEARNED\tUNDIALED\tWHY")
	explained := false
	for _, upstream := range upstreams {
		why := whyOf(upstream)
		explained = explained || why != ""
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s",
			printable(upstream.Address), orDash(printable(strings.Join(upstream.Tags, ","))), stateOf(upstream),
			upstream.OpenPolls, upstream.OpenWebSockets, upstream.Opened, upstream.Lost, upstream.Learned, upstream.FailedDials, orDash(why)))
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if !explained {
			row = row[:strings.LastIndexByte(row, '\t')] // no column without a cell
		}
		if _, err := fmt.Fprintln(table, row); err != nil {
			return err
		}
	}
	return table.Flush()
}

// stateOf returns the state of an upstream in words.
func stateOf(upstream adminapi.Upstream) string {
	var states []string
	if upstream.Removed {
		states = append(states, "removed")
	} else if !upstream.Healthy {
		states = append(states, "unhealthy")
	}
	if upstream.CoolDown != nil {
		states = append(states, "cooling down")
	}
	if upstream.Draining {
		states = append(states, "draining")
	}
	if len(states) == 0 {
		return "healthy"
	}
	return strings.Join(states, ", ")
}

// whyOf returns why an upstream is in its state, or "".
func whyOf(upstream adminapi.Upstream) string {
	var why []string
	if upstream.CoolDown != nil {
		why = append(why, whyCoolingDown(upstream.CoolDown))
	}
	if upstream.Draining && upstream.DrainedBy == adminapi.DrainedByConfig {
		why = append(why, "drain is in the config")
	}
	return strings.Join(why, "; ")
}

// whyCoolingDown returns why an upstream is cooling down, and for how long.
func whyCoolingDown(coolDown *adminapi.CoolDown) string {
	left := max(time.Until(coolDown.Until), 0).Round(time.Second)
	return fmt.Sprintf("%s left: %s", left, printable(coolDown.Error))
}

// orDash returns a dash for an empty cell.
func orDash(cell string) string {
	if cell == "" {
		return "-"
	}
	return cell
}
