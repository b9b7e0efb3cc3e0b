package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
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
var errOwnFallback = errors.New("affinity cannot be its own fallback: it has to say who gets a new session")

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

	// A cookie that brings clients back to their upstream where no session ID
	// does. Default: none.
	Cookie *Cookie `json:"cookie,omitempty"`

	// The policy that selects an upstream for a new session. Default:
	// `least_conn`, under which an open poll or WebSocket counts as a request,
	// so that sessions are spread evenly; sessions of the last few seconds count
	// too, and of equals each has its turn.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	fallback reverseproxy.Selector
	tags     *tagIndex
	failures *failures
	logger   *zap.Logger

	// bypassed is set once there was a warning that the handler is missing.
	bypassed *atomic.Bool

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
	a.bypassed = new(atomic.Bool)
	a.unknown = new(atomic.Uint64)

	secret, err := caddy.NewReplacer().ReplaceOrErr(a.Secret, true, true)
	if err != nil {
		return fmt.Errorf("replacing placeholders in secret: %w", err)
	}
	a.tags = newTagIndex(secret)
	a.failures = newFailures()
	if a.Cookie != nil {
		if err := a.Cookie.provision(); err != nil {
			return err
		}
	}

	if a.FallbackRaw == nil {
		a.fallback = newLeastBusy()
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

// Select returns the upstream that has the request's session, or else the one
// that the client's cookie or the fallback policy selects, or nil when there is
// none or it has to be waited for.
func (a *AffinitySelection) Select(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter) *reverseproxy.Upstream {
	rt := routeOf(req.Context())
	if rt == nil {
		a.warnIfBypassed(req)
		return a.fallback.Select(pool, req, orDiscard(w))
	}
	rt.fail() // who is asked again was not served by the one before
	rt.failures = a.failures
	rt.take(a.Cookie, req.Header)
	var known *reverseproxy.Upstream // by the cookie, where nothing stronger counts
	if rt.pinned == "" {
		known = a.given(pool, rt)
	}
	if rt.session && known != nil {
		rt.pinned, rt.evidence = rt.given, core.ByCookie
	}
	rt.by = rt.evidence

	if rt.pinned != "" {
		upstream := a.tags.find(pool, rt.pinned)
		if upstream != nil && upstream.Healthy() {
			if upstream.Full() {
				return nil
			}
			rt.follow(upstream)
			a.logSelected(rt, upstream)
			return upstream
		}
		rt.by = core.ByLost
		if upstream == nil {
			a.warnOfUnknown(rt)
		}
	}

	upstream := known
	if rt.session || known == nil || !a.fit(known, rt) {
		upstream = a.choose(pool, req, orDiscard(w), rt)
	} else {
		rt.by = core.ByCookie
	}
	if upstream == nil {
		return nil
	}
	rt.choose(upstream, a.tags.tag(pool, upstream))
	a.logSelected(rt, upstream)
	return upstream
}

// given returns the upstream of a pool that the client's cookie names, if any.
func (a *AffinitySelection) given(pool reverseproxy.UpstreamPool, rt *route) *reverseproxy.Upstream {
	if rt.given == "" {
		return nil
	}
	return a.tags.find(pool, rt.given)
}

// fit reports whether an upstream can be given a request that could go
// elsewhere.
func (a *AffinitySelection) fit(upstream *reverseproxy.Upstream, rt *route) bool {
	return upstream.Available() && !rt.hasTried(upstream) && !a.failures.has(upstream)
}

// choose has the fallback policy select an upstream for a request that could go
// anywhere: one that has not failed the request, or another just before, as
// long as there is one.
func (a *AffinitySelection) choose(pool reverseproxy.UpstreamPool, req *http.Request, w http.ResponseWriter, rt *route) *reverseproxy.Upstream {
	upstream := a.fallback.Select(pool, req, w)
	if upstream == nil || a.fit(upstream, rt) {
		return upstream
	}
	untried := slices.DeleteFunc(slices.Clone(pool), rt.hasTried)
	unfailing := slices.DeleteFunc(slices.Clone(untried), a.failures.has)
	for _, better := range []reverseproxy.UpstreamPool{unfailing, untried} {
		if other := a.fallback.Select(better, req, w); other != nil {
			return other
		}
	}
	return upstream
}

// UnmarshalCaddyfile sets up the policy from Caddyfile tokens. Syntax:
//
//	lb_policy affinity {
//	    secret   <secret>
//	    fallback <policy> [<args...>]
//	    cookie   [<name>] {
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
