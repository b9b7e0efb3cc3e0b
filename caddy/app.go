package caddy

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/eio-affinity/affinity/caddy/handover"
	"github.com/eio-affinity/affinity/core"
)

func init() {
	caddy.RegisterModule(App{})
	httpcaddyfile.RegisterGlobalOption(appName, parseApp)
}

// appName is the name of the app and of its global option.
const appName = "affinity"

// App owns what the affinity handlers and policies of all sites share: the
// learned sessions, what is known about upstreams (which could not be dialed,
// how many sessions were recently opened on each, the tags of former ones), and
// the handover of listening sockets from one config to the next. A config with
// an affinity handler or policy that does not configure the app has it with its
// defaults.
//
// What the app remembers survives a config reload, unless the new config does
// not have the app. It does not survive a restart of Caddy.
type App struct {
	// The maximum number of learned sessions in this process. When the table is
	// full, a new session replaces the one nearest its expiry, of the site that
	// has the most sessions. The first session dropped this way is logged as a
	// warning, and so are the tenth, the hundredth and so on. Default: `1000000`.
	MaxSessions *int `json:"max_sessions,omitempty"`

	// How long a replaced config waits at most for the first requests on
	// connections that it has accepted, so that no request is lost during a
	// reload. It does not wait for connections that have been idle for five
	// seconds. With `0` (`off` in a Caddyfile), sockets are not handed over:
	// Caddy listens as it does without this module, and a reload can reset
	// connections. Default: `5s`.
	Handover *caddy.Duration `json:"handover,omitempty"`

	shared   *sharedState
	handover *handover.Handover

	// policies has the affinity policies of the config.
	policies []*AffinitySelection
}

// CaddyModule returns the Caddy module information.
func (App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  appName,
		New: func() caddy.Module { return new(App) },
	}
}

// Provision sets up the app.
func (a *App) Provision(ctx caddy.Context) error {
	maxSessions := core.DefaultMaxSessions
	if a.MaxSessions != nil {
		maxSessions = *a.MaxSessions
	}
	if maxSessions < 1 {
		return fmt.Errorf("max_sessions %d: must be at least 1", maxSessions)
	}
	timeout := handover.DefaultTimeout
	if a.Handover != nil {
		timeout = time.Duration(*a.Handover)
	}
	if timeout < 0 {
		return fmt.Errorf("handover %s: must not be negative", timeout)
	}

	var err error
	if timeout > 0 {
		if a.handover, err = handover.New(ctx, timeout); err != nil {
			return fmt.Errorf("setting up the handover: %w", err)
		}
	}
	if a.shared, err = acquireShared(a, maxSessions); err != nil {
		return err
	}
	if a.handover != nil {
		a.handover.Observe = a.shared.handovers.add
	}
	if err := ctx.GetMetricsRegistry().Register(&collector{shared: a.shared}); err != nil {
		return fmt.Errorf("registering metrics: %w", err)
	}
	return nil
}

// Start implements [caddy.App].
func (a *App) Start() error {
	a.shared.policies.add(a.policies)
	return nil
}

// Stop implements [caddy.App].
func (a *App) Stop() error {
	a.shared.policies.remove(a.policies)
	return nil
}

// Cleanup implements [caddy.CleanerUpper].
func (a *App) Cleanup() error {
	if a.shared == nil {
		return nil
	}
	return a.shared.release(a)
}

// loadApp returns the app of the config that a module is provisioned for.
func loadApp(ctx caddy.Context) (*App, error) {
	app, err := ctx.App(appName)
	if err != nil {
		return nil, fmt.Errorf("getting affinity app: %w", err)
	}
	return app.(*App), nil
}

// parseApp parses the affinity global option. Syntax:
//
//	affinity {
//	    max_sessions <number>
//	    handover     <duration>|off
//	}
func parseApp(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		return nil, d.Err("affinity already specified")
	}
	app := new(App)
	if err := app.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: appName, Value: caddyconfig.JSON(app, nil)}, nil
}

// UnmarshalCaddyfile sets up the app from Caddyfile tokens. See parseApp for the
// syntax.
func (a *App) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalBlock(d, a.unmarshalOption)
}

// unmarshalOption parses one option with its arguments.
func (a *App) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "max_sessions":
		if err := unmarshalNumber(d, &a.MaxSessions); err != nil {
			return err
		}
		if *a.MaxSessions < 1 {
			return d.Errf("max_sessions %d: must be at least 1", *a.MaxSessions)
		}
		return nil

	case "handover":
		return unmarshalDurationOrOff(d, &a.Handover)

	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// Interface guards.
var (
	_ caddy.App             = (*App)(nil)
	_ caddy.Provisioner     = (*App)(nil)
	_ caddy.CleanerUpper    = (*App)(nil)
	_ caddyfile.Unmarshaler = (*App)(nil)
)
