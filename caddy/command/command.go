// Package command is the command "caddy affinity". It calls the admin API of a
// running Caddy (package adminapi). Whoever imports this package has the command.
package command

import (
	"time"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "affinity",
		Usage: "[--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Lists, drains and explains the upstreams of Socket.IO sessions",
		Long: `
Prints a table of the upstreams of all affinity policies of the running Caddy:

  ADDRESS      the dial address, as the config has it
  TAG          the tag of the upstream in new session IDs
  STATE        healthy, or one or more of: unhealthy (a health check fails),
               cooling down (it could not be dialed a moment ago), draining (it
               gets no new sessions), removed (the config does not have it)
  POLLS        the open polls, and WEBSOCKETS the open WebSockets: a session has
               one of them open almost always
  OPENED       the sessions opened since Caddy started
  LOST         the requests of open sessions that failed: about one for each
               lost session
  LEARNED      its sessions in the table of learned sessions
  UNDIALED     the connections that could not be made
  WHY          why it is cooling down or draining

It requires that the admin API is enabled and accessible. The address of the API
is that of --address, or else that in the given --config, or else the default.`,
		CobraFunc: func(cmd *cobra.Command) { newCommands().addTo(cmd) },
	})
}

// commands has the settings of the commands that only tests change.
type commands struct {
	// sampleEvery is how often an upstream that is being drained is looked at, and
	// settle for how long nothing must be open on it.
	sampleEvery, settle time.Duration
}

// newCommands returns the commands as users have them.
func newCommands() commands {
	return commands{sampleEvery: time.Second, settle: 5 * time.Second}
}

// addTo adds the flags and the subcommands to "caddy affinity".
func (c commands) addTo(cmd *cobra.Command) {
	flags := cmd.PersistentFlags()
	flags.StringP("config", "c", "", "Configuration file to use to parse the admin address, if --address is not used")
	flags.StringP("adapter", "a", "", "Name of config adapter to apply (when --config is used)")
	flags.String("address", "", "The address to use to reach the admin API endpoint, if not the default")
	flags.Bool("json", false, "Print JSON, as the admin API returns it")
	cmd.Args = cobra.NoArgs
	cmd.RunE = list

	cmd.AddCommand(
		&cobra.Command{Use: "list", Short: "Lists the upstreams, as the command without a subcommand", Long: cmd.Long, Args: cobra.NoArgs, RunE: list},
		c.drainCommand(), undrainCommand(), explainCommand(),
	)
}
