package traefik

import (
	"errors"
	"fmt"
	"sort"
	"strings"

	"github.com/eio-affinity/affinity/core"
)

// maxLevels is how many sticky cookies, and so balancers behind one another,
// there may be. Traefik's weighted services nest; nobody nests them this deep.
const maxLevels = 8

// Config is the configuration of the middleware.
type Config struct {
	// CookieNames has the name of the sticky cookie of the service behind the
	// middleware, its loadBalancer.sticky.cookie.name. For a weighted service
	// of sticky services it has one name for each level, the outermost first.
	// Required.
	CookieNames []string `json:"cookieNames,omitempty" toml:"cookieNames,omitempty" yaml:"cookieNames,omitempty"`

	// SID says how to remember the server of a session: "tag" puts the sticky
	// cookie's value in front of the session ID that the client gets, so that
	// nothing has to be remembered; "learn" leaves the session ID as it is and
	// remembers it, in this process, for the pingInterval and pingTimeout of
	// its handshake since its last use; "auto" is "tag" for Engine.IO 4
	// (Socket.IO 3 and 4) and "learn" for Engine.IO 3 (Socket.IO 2), where the
	// session ID is also the socket.id that applications see; "off" does
	// neither. Default: "auto".
	SID string `json:"sid,omitempty" toml:"sid,omitempty" yaml:"sid,omitempty"`

	// MaxSessions is how many learned sessions to remember at most. When there
	// are more, the one nearest its expiry is dropped, and the log says how many
	// were. The table is that of all middlewares of this name, and it survives
	// a reload of the dynamic configuration. Default: 1000000.
	MaxSessions int `json:"maxSessions,omitempty" toml:"maxSessions,omitempty" yaml:"maxSessions,omitempty"`

	// ExposeCookie leaves the sticky cookie to clients, for those that keep
	// cookies and are to come back to the same server. A client that has the
	// cookie of a server that is dead or leaving goes there, until Traefik's
	// health check has found out; only handshakes that fail set no cookie. When
	// it is false, no reply to an Engine.IO request sets the sticky cookie, and a
	// request that opens a session does not bring it to Traefik. Default: false.
	ExposeCookie bool `json:"exposeCookie,omitempty" toml:"exposeCookie,omitempty" yaml:"exposeCookie,omitempty"`

	// Unknown has the options that are none of the above. Traefik puts them
	// here, where it would drop them otherwise, so that New can refuse them.
	Unknown map[string]interface{} `json:"-" mapstructure:",remain" toml:"-" yaml:"-"`
}

// CreateConfig returns the configuration with its defaults. It is Traefik's
// entry point, together with [New].
func CreateConfig() *Config {
	return &Config{SID: string(core.ModeAuto), MaxSessions: core.DefaultMaxSessions}
}

// check refuses what cannot work, and returns the cookie names and the mode.
func (c *Config) check() (cookies []string, mode core.Mode, err error) {
	if len(c.Unknown) > 0 {
		names := make([]string, 0, len(c.Unknown))
		for name := range c.Unknown {
			names = append(names, name)
		}
		sort.Strings(names)
		return nil, "", fmt.Errorf("unknown option %s: there are cookieNames, sid, maxSessions and exposeCookie", strings.Join(names, ", "))
	}
	if len(c.CookieNames) == 0 {
		return nil, "", errors.New("cookieNames is empty: it has to name the sticky cookie of the service")
	}
	if len(c.CookieNames) > maxLevels {
		return nil, "", fmt.Errorf("cookieNames has %d names: %d are the most", len(c.CookieNames), maxLevels)
	}
	seen := map[string]bool{}
	for _, name := range c.CookieNames {
		name = strings.TrimSpace(name) // a label's "a, b" is split at the comma only
		if !core.ValidCookieName(name) {
			return nil, "", fmt.Errorf("cookieNames has %q, which cannot be the name of a cookie", name)
		}
		if seen[name] {
			return nil, "", fmt.Errorf("cookieNames has %q twice", name)
		}
		seen[name] = true
		cookies = append(cookies, name)
	}
	if c.MaxSessions < 1 {
		return nil, "", fmt.Errorf("maxSessions %d: it has to be 1 at least", c.MaxSessions)
	}
	mode, err = core.ParseMode(c.SID)
	return cookies, mode, err
}
