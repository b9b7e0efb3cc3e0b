package traefik

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// maxLevels is the maximum number of sticky cookies, that is of nested load
// balancers. Traefik's weighted services can be nested, but not usefully this deep.
const maxLevels = 8

// Config is the configuration of the middleware.
type Config struct {
	// CookieNames is the name of the sticky cookie of the service behind the
	// middleware, its loadBalancer.sticky.cookie.name. For a weighted service of
	// sticky services, it is one name for each level, the outermost first. At most
	// 8. Required.
	CookieNames []string `json:"cookieNames,omitempty" toml:"cookieNames,omitempty" yaml:"cookieNames,omitempty"`

	// SID is how to remember the server of a session. "tag" prefixes the session ID
	// that the client receives with the value of the sticky cookie, so that the
	// plugin stores nothing. "learn" leaves the session ID unchanged and stores it
	// in the memory of this process, until it has not been used for the
	// pingInterval plus pingTimeout of its handshake. "auto" is "tag" for Engine.IO
	// 4 (Socket.IO 3 and 4), and "learn" for Engine.IO 3 (Socket.IO 2), where the
	// session ID is also the socket.id that applications see. "off" turns the plugin
	// off. Default: "auto".
	SID string `json:"sid,omitempty" toml:"sid,omitempty" yaml:"sid,omitempty"`

	// MaxSessions is the maximum number of learned sessions. When the table is full,
	// a new session evicts the one nearest its expiry, and the plugin logs how many
	// were evicted. All middlewares with the same name share a table, which survives
	// a change of the dynamic configuration. Must be at least 1. Default: 1000000.
	MaxSessions int `json:"maxSessions,omitempty" toml:"maxSessions,omitempty" yaml:"maxSessions,omitempty"`

	// ExposeCookie passes the sticky cookie to clients, so that those that keep
	// cookies return to the same server when they reconnect. A client with the
	// cookie of a dead or terminating server is sent there until Traefik's health
	// check marks the server as down. Failed handshakes do not set the cookie. If
	// ExposeCookie is false, no response to an Engine.IO request sets the sticky
	// cookie, and it is removed from requests that open a session. Default: false.
	ExposeCookie bool `json:"exposeCookie,omitempty" toml:"exposeCookie,omitempty" yaml:"exposeCookie,omitempty"`

	// Unknown collects all other options, which Traefik would ignore otherwise, so
	// that New can return an error for them.
	Unknown map[string]interface{} `json:"-" mapstructure:",remain" toml:"-" yaml:"-"`
}

// CreateConfig returns a configuration with the defaults. Traefik calls it before
// [New].
func CreateConfig() *Config {
	return &Config{SID: string(core.ModeAuto), MaxSessions: core.DefaultMaxSessions}
}

// validate returns the cookie names and the mode, or an error if the configuration
// is invalid.
func (c *Config) validate() (cookies []string, mode core.Mode, err error) {
	if len(c.Unknown) > 0 {
		names := make([]string, 0, len(c.Unknown))
		for name := range c.Unknown {
			names = append(names, name)
		}
		sort.Strings(names)
		return nil, "", fmt.Errorf("unknown option %s: the options are cookieNames, sid, maxSessions and exposeCookie", strings.Join(names, ", "))
	}
	if len(c.CookieNames) == 0 {
		return nil, "", errors.New("cookieNames is empty: must have the name of the sticky cookie of the service")
	}
	if len(c.CookieNames) > maxLevels {
		return nil, "", fmt.Errorf("cookieNames has %d names: must have at most %d", len(c.CookieNames), maxLevels)
	}
	seen := map[string]bool{}
	for _, name := range c.CookieNames {
		name = strings.TrimSpace(name) // Traefik splits the label "a, b" at the comma only
		if !core.ValidCookieName(name) {
			return nil, "", fmt.Errorf("cookieNames has %q: not a valid cookie name", name)
		}
		if seen[name] {
			return nil, "", fmt.Errorf("cookieNames has %q twice", name)
		}
		seen[name] = true
		cookies = append(cookies, name)
	}
	if c.MaxSessions < 1 {
		return nil, "", fmt.Errorf("maxSessions %d: must be at least 1", c.MaxSessions)
	}
	mode, err = core.ParseMode(c.SID)
	return cookies, mode, err
}
