package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(AffinitySelection{})
}

const (
	policyNamespace = "http.reverse_proxy.selection_policies."
	policyName      = "affinity"
)

// errOwnFallback is returned when an affinity policy is to fall back on an
// affinity policy.
var errOwnFallback = errors.New("affinity cannot be its own fallback")

// AffinitySelection is a policy that gives each request of a Socket.IO
// (Engine.IO) session to the upstream that opened the session. It needs the
// affinity handler in front of the reverse_proxy it is in; without, every
// request goes where the fallback policy says.
//
// A request of a known session goes to its upstream while that is healthy. When
// the upstream has as many requests as it may have, no upstream is selected, so
// that reverse_proxy waits for it (see lb_try_duration): no other node knows
// the session. When the upstream is unhealthy or no longer there, the fallback
// policy selects, and the node it selects answers "Session ID unknown", on
// which clients connect anew at once. New sessions, and requests that are not
// Engine.IO's, go where the fallback policy says; but when it says an upstream
// that failed just before, it is asked for another.
type AffinitySelection struct {
	// The key of the tags by which clients name their upstreams. It has to be
	// the same on every proxy in front of the same upstreams. With a secret, a
	// tag cannot be guessed from an upstream's address. Placeholders such as
	// `{env.*}` and `{file.*}` are replaced once, when the config is loaded.
	// Default: none; tags are a plain SHA-256 of the address.
	Secret string `json:"secret,omitempty"`

	// How long an upstream that this policy could not dial gets no new session
	// while there is another. Only failed connections count (refused, timed out,
	// or a name that could not be looked up): no reply, and nothing that a client
	// sends. Each is logged at the level DEBUG. With `0` (`off` in a Caddyfile),
	// none counts. Default: `5s`.
	CoolDown *caddy.Duration `json:"cool_down,omitempty"`

	// A cookie that brings clients back to their upstream where no session ID
	// does. Default: none.
	Cookie *Cookie `json:"cookie,omitempty"`

	// The policy that selects an upstream for a new session. Default:
	// `least_conn`, under which an open poll or WebSocket counts as a request,
	// so that sessions are spread evenly; sessions of the last few seconds count
	// too, and of equals each has its turn.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	fallback  reverseproxy.Selector
	tags      *tagIndex
	coolDowns *coolDowns
	logger    *zap.Logger

	// resends says that lb_retry_match decides which requests that were sent
	// to an upstream may be sent to another.
	resends bool

	// warnedOfHandler is set once there was a warning that the handler is
	// missing.
	warnedOfHandler *atomic.Bool

	// unknown counts the requests whose session is none of the upstreams'.
	unknown *atomic.Uint64
}

// CaddyModule returns the Caddy module information.
func (AffinitySelection) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  policyNamespace + policyName,
		New: func() caddy.Module { return new(AffinitySelection) },
	}
}

// Provision sets up the policy.
func (a *AffinitySelection) Provision(ctx caddy.Context) error {
	a.logger = ctx.Logger()
	a.warnedOfHandler = new(atomic.Bool)
	a.unknown = new(atomic.Uint64)

	secret, err := caddy.NewReplacer().ReplaceOrErr(a.Secret, true, true)
	if err != nil {
		return fmt.Errorf("replacing placeholders in secret: %w", err)
	}
	a.tags = newTagIndex(secret)
	coolDown := defaultCoolDown
	if a.CoolDown != nil {
		coolDown = time.Duration(*a.CoolDown)
	}
	if coolDown < 0 {
		return fmt.Errorf("cool_down %s: must not be negative", coolDown)
	}
	a.coolDowns = newCoolDowns(coolDown)
	a.resends = hasRetryMatch(ctx)
	if a.Cookie != nil {
		if err := a.Cookie.provision(); err != nil {
			return err
		}
	}

	if a.FallbackRaw == nil {
		a.fallback = newSessionLeastConn()
		return nil
	}
	mod, err := ctx.LoadModule(a, "FallbackRaw")
	if err != nil {
		return fmt.Errorf("loading fallback selection policy: %w", err)
	}
	a.fallback = mod.(reverseproxy.Selector)
	return nil
}

// Validate refuses a fallback that cannot be one.
func (a *AffinitySelection) Validate() error {
	if _, own := a.fallback.(*AffinitySelection); own {
		return errOwnFallback
	}
	return nil
}

// hasRetryMatch reports whether the reverse_proxy that a policy is provisioned
// for has an lb_retry_match that may match anything.
func hasRetryMatch(ctx caddy.Context) bool {
	for _, module := range ctx.Modules() {
		if proxy, ok := module.(*reverseproxy.Handler); ok && proxy.LoadBalancing != nil {
			raw := proxy.LoadBalancing.RetryMatchRaw
			return len(raw) > 0 && !reflect.DeepEqual(raw, matchesNothing())
		}
	}
	return false
}

// UnmarshalCaddyfile sets up the policy from Caddyfile tokens. Syntax:
//
//	lb_policy affinity {
//	    secret    <secret>
//	    cool_down <duration>|off
//	    fallback  <policy> [<args...>]
//	    cookie    [<name>] {
//	        <options of Cookie>
//	    }
//	}
func (a *AffinitySelection) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalBlock(d, a.unmarshalOption)
}

// unmarshalOption reads one option with its arguments.
func (a *AffinitySelection) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "secret":
		return unmarshalValue(d, &a.Secret)

	case "cool_down":
		return unmarshalDurationOrOff(d, &a.CoolDown)

	case "fallback":
		if a.FallbackRaw != nil {
			return d.Err("fallback already specified")
		}
		if !d.NextArg() {
			return d.ArgErr()
		}
		name := d.Val()
		if name == policyName {
			return d.WrapErr(errOwnFallback)
		}
		mod, err := caddyfile.UnmarshalModule(d, policyNamespace+name)
		if err != nil {
			return fmt.Errorf("fallback: %w", err)
		}
		policy, ok := mod.(reverseproxy.Selector)
		if !ok {
			return d.Errf("fallback '%s' is not a selection policy but a %T", name, mod)
		}
		a.FallbackRaw = caddyconfig.JSONModuleObject(policy, "policy", name, nil)
		return nil

	case "cookie":
		if a.Cookie != nil {
			return d.Err("cookie already specified")
		}
		cookie, err := unmarshalCookie(d)
		a.Cookie = cookie
		return err

	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// Interface guards.
var (
	_ caddy.Provisioner     = (*AffinitySelection)(nil)
	_ caddy.Validator       = (*AffinitySelection)(nil)
	_ reverseproxy.Selector = (*AffinitySelection)(nil)
	_ caddyfile.Unmarshaler = (*AffinitySelection)(nil)
)
