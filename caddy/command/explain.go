package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

var (
	// errNoServers is returned when --traefik names no server.
	errNoServers = errors.New("--traefik: names no server")

	// errNoSession is returned when the argument is a URL without a session.
	errNoSession = errors.New("the URL has no session: it has to be that of a Socket.IO request")
)

// explainCommand returns "caddy affinity explain".
func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "explain <url or sid> [--traefik <urls>] [--json] [--address <interface>] [--config <path> [--adapter <name>]]",
		Short: "Explains where the next request of a session goes, and why",
		Long: `
Says what the running config would do with the next request of a session: which
upstream has it, in what state that is, and what happens otherwise. It takes the
URL of a request, for example from a browser or an access log, or the session ID
alone. Put it into quotes, because of its "&" and "?". It changes nothing, and does
not extend the expiry of a learned session.

A session that began with a WebSocket has no session ID in any URL.

With --traefik, the session is one of Traefik, with the tag of a sticky cookie. Then
no proxy is asked: the flag names the URLs of the servers, exactly as Traefik's
config has them. For a weighted service it also names the child services, as that
service lists them.`,
		// A session ID may begin with a dash.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			rest, err := parseSessionFlags(cmd, args)
			if err != nil {
				return err
			}
			if help, _ := cmd.Flags().GetBool("help"); help {
				return cmd.Help()
			}
			if err := cobra.ExactArgs(1)(cmd, rest); err != nil {
				return err
			}
			return explain(cmd, rest)
		},
	}
	cmd.Flags().String("traefik", "", "The URLs of Traefik's servers and the names of child services, separated by commas")
	return cmd
}

// parseSessionFlags parses the flags of a command, and returns the other arguments,
// among them a session ID that begins with a dash.
func parseSessionFlags(cmd *cobra.Command, args []string) (rest []string, err error) {
	cmd.DisableFlagParsing = false
	inherited := cmd.InheritedFlags() // which adds them to those of the command
	var flags, sessions []string
	for i, arg := range args {
		if arg == "--" {
			flags = append(flags, args[i:]...)
			break
		}
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		isFlag := arg == "-h" || cmd.Flags().Lookup(name) != nil || inherited.Lookup(name) != nil ||
			len(name) == 1 && inherited.ShorthandLookup(name) != nil
		if strings.HasPrefix(arg, "-") && !isFlag {
			sessions = append(sessions, arg)
		} else {
			flags = append(flags, arg)
		}
	}
	err = cmd.ParseFlags(flags)
	return append(sessions, cmd.Flags().Args()...), err
}

// explain is "caddy affinity explain".
func explain(cmd *cobra.Command, args []string) error {
	if flag := cmd.Flag("traefik"); flag.Changed {
		return explainTraefik(cmd, args[0], strings.FieldsFunc(flag.Value.String(), func(r rune) bool { return r == ',' || r == ' ' }))
	}
	api, err := newClient(cmd)
	if err != nil {
		return err
	}
	var explanation adminapi.Explanation
	raw, err := api.post(adminapi.ExplainPath, adminapi.ExplainRequest{Session: escapeBytes(args[0])}, &explanation)
	if err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return printJSON(cmd.OutOrStdout(), raw)
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), explanationText(explanation))
	return err
}

// escapeBytes percent-encodes the bytes of a session that JSON cannot hold.
func escapeBytes(session string) string {
	if strings.ToValidUTF8(session, "") == session {
		return session
	}
	var escaped strings.Builder
	for i := range len(session) {
		if b := session[i]; b < 0x80 {
			escaped.WriteByte(b)
		} else {
			fmt.Fprintf(&escaped, "%%%02X", b)
		}
	}
	return escaped.String()
}

// printExplained prints an explanation of Traefik's as JSON or text.
func printExplained(cmd *cobra.Command, explanation any, text string) error {
	if wantsJSON(cmd) {
		raw, err := json.Marshal(explanation)
		if err != nil {
			return fmt.Errorf("encoding the explanation: %w", err)
		}
		return printJSON(cmd.OutOrStdout(), raw)
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}
