package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	caddycmd "github.com/caddyserver/caddy/v2/cmd"
)

// errNoModule is returned when the running Caddy does not have the module.
var errNoModule = errors.New("the Caddy that is running does not have the affinity module: replace its binary by one that has it, and restart it")

// client calls the admin API of a running Caddy.
type client struct {
	address string
}

// newClient returns a client for the API that the flags of a command name.
func newClient(cmd *cobra.Command) (client, error) {
	flags := caddycmd.Flags{FlagSet: cmd.Flags()}
	address, err := caddycmd.DetermineAdminAPIAddress(flags.String("address"), nil, flags.String("config"), flags.String("adapter"))
	if err != nil {
		return client{}, fmt.Errorf("determining the address of the admin API: %w", err)
	}
	return client{address}, nil
}

// get sends a GET request, and decodes the reply unless reply is nil. It returns the
// reply as it came too.
func (c client) get(path string, reply any) (raw []byte, err error) {
	return c.do(http.MethodGet, path, nil, reply)
}

// post is get for a POST request with a body.
func (c client) post(path string, body, reply any) (raw []byte, err error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encoding request: %w", err)
	}
	return c.do(http.MethodPost, path, bytes.NewReader(encoded), reply)
}

// do sends a request. Each has a connection of its own, which it closes.
func (c client) do(method, path string, body io.Reader, reply any) ([]byte, error) {
	resp, err := caddycmd.AdminAPIRequest(c.address, method, path, http.Header{"Connection": {"close"}}, body)
	if err != nil {
		return nil, c.explainError(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the reply of the admin API: %w", err)
	}
	if reply != nil {
		if err := json.Unmarshal(raw, reply); err != nil {
			return nil, fmt.Errorf("decoding the reply of the admin API: %w", err)
		}
	}
	return raw, nil
}

// explainError returns an error of [caddycmd.AdminAPIRequest] as one that says what
// to do.
func (c client) explainError(err error) error {
	_, replied, isReply := strings.Cut(err.Error(), "caddy responded with error: HTTP ")
	if !isReply {
		return fmt.Errorf("cannot reach the admin API of Caddy at %s; check that Caddy is running and that its config does not have `admin off`, "+
			"or name the address with --address, or the config with --config: %w", c.address, err)
	}
	status, body, _ := strings.Cut(replied, ": ")
	var reply struct {
		Error string `json:"error"`
	}
	switch decodeErr := json.Unmarshal([]byte(body), &reply); {
	case decodeErr == nil && reply.Error != "":
		return fmt.Errorf("the admin API of Caddy replied: %s", printable(reply.Error))
	case status == "404":
		return errNoModule
	default:
		return err
	}
}

// printable returns a text of a reply without what could control a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' {
			return '?'
		}
		return r
	}, text)
}

// wantsJSON reports whether a command has the flag --json.
func wantsJSON(cmd *cobra.Command) bool {
	return caddycmd.Flags{FlagSet: cmd.Flags()}.Bool("json")
}

// printJSON prints JSON with indentation.
func printJSON(w io.Writer, raw []byte) error {
	var indented bytes.Buffer
	if err := json.Indent(&indented, bytes.TrimSpace(raw), "", "  "); err != nil {
		return fmt.Errorf("reading the reply of the admin API: %w", err)
	}
	indented.WriteByte('\n')
	_, err := indented.WriteTo(w)
	return err
}
