package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	caddy.RegisterModule(AffinitySelection{})
}

const (
	policyNamespace = "http.reverse_proxy.selection_policies."
	policyName      = "affinity"
)

// errOwnFallback is returned when the fallback of an affinity policy is an
// affinity policy.
var errOwnFallback = errors.New("affinity cannot be its own fallback")

// AffinitySelection is a policy that sends every request of a Socket.IO
// (Engine.IO) session to the upstream that opened the session. It requires the
// affinity handler before the reverse_proxy; without it, the fallback policy
// selects the upstream of every request.
//
// Precedence: tag in the session ID, learned session, cookie. If the upstream of
// a session is healthy but at its request limit, no upstream is selected, so
// that reverse_proxy waits for it (see lb_try_duration), as no other upstream
// has the session. If it is unhealthy or was removed, the session is lost: the
// reply is "Session ID unknown", and the client reconnects. That is the reply of
// the upstream that the fallback policy selects, or of this proxy; see the `lost`
// option.
//
// The fallback policy also selects the upstream of new sessions, and of requests
// that are not Engine.IO's. If it selects an upstream that is cooling down, or
// that the request has tried before, it selects again.
type AffinitySelection struct {
	// The key of the tags, which identify upstreams in session IDs and cookies.
	// It must be the same on all proxies in front of the same upstreams. With a
	// secret, tags cannot be computed from the upstreams' addresses. Placeholders
	// such as `{env.*}` and `{file.*}` are replaced when the config is loaded.
	// Default: none; a tag is a plain SHA-256 hash of the address, truncated to
	// 64 bits.
	Secret string `json:"secret,omitempty"`

	// More secrets whose tags lead to their upstreams, as those of `secret` do. New
	// session IDs and cookies get the tag of `secret` only, and a cookie with
	// another accepted tag is replaced when the cookie is set. Their purpose is to
	// rotate the secret and lose no sessions: first accept the new secret on all
	// proxies, then make it the `secret` and accept the old one, and later remove
	// the old one. Placeholders are replaced as in `secret`, which is required. No
	// two secrets may be the same. Default: none.
	AcceptedSecrets []string `json:"accepted_secrets,omitempty"`

	// How long an upstream that could not be dialed gets no new sessions, unless
	// all others are cooling down too. Only failed connections count (refused,
	// timed out, or an address that could not be resolved), and an upstream that
	// was silent for `handshake_timeout`, never replies or anything that clients
	// send. Each failed connection is logged at level DEBUG. All sites share
	// the failures of an address, as with Caddy's passive health checks; each
	// policy applies its own `cool_down` to them. They survive a config reload.
	// With `0` (`off` in a Caddyfile), this policy neither records nor counts
	// failures. Default: `5s`.
	CoolDown *caddy.Duration `json:"cool_down,omitempty"`

	// How long an upstream may leave a request that opens a session without an
	// answer, and answer no other such request either, before another upstream
	// gets the request. It counts from the moment the request has been sent, and
	// applies to handshakes over HTTP long-polling, to those over WebSocket, and to
	// their preflight requests. The upstream then cools down as if it could not
	// be dialed. A handshake is given to another upstream up to three times, and no
	// more often than `lb_retries` and `lb_try_duration` allow. If there is no
	// other upstream that is healthy, not cooling down, and not tried, the
	// upstream has as long as the client waits. Requests of open sessions have no
	// timeout. `0` (`off` in a Caddyfile) is no timeout. Default: `3s`.
	HandshakeTimeout *caddy.Duration `json:"handshake_timeout,omitempty"`

	// The cookie that identifies a client's upstream when the session ID does
	// not. Default: none.
	Cookie *Cookie `json:"cookie,omitempty"`

	// The policy that selects the upstream of a new session. Default: a
	// `least_conn` for sessions. Every open poll or WebSocket counts as a
	// request, and so does every session opened in the last 5 to 10 seconds; of
	// upstreams with the same count, the one selected least recently is next.
	FallbackRaw json.RawMessage `json:"fallback,omitempty" caddy:"namespace=http.reverse_proxy.selection_policies inline_key=policy"`

	// What happens to a request of a lost session: the upstream that its session ID
	// or this process's memory leads to is unhealthy, could not be dialed or was
	// removed, or no upstream has or had the tag. `fallback`: the fallback policy
	// selects an upstream, which replies that it does not know the session.
	// `reject`: this proxy gives the same reply immediately, whatever lb_retries and
	// lb_try_duration say, and no upstream gets the request. The reply has no CORS
	// headers but those of the site's `header` directive. Preflight requests are
	// not rejected, nor are sessions without a tag that this process has not
	// learned, as another proxy may know them, nor those that only a cookie leads
	// to, as it may be of another session. Not for upstreams that are proxies
	// themselves, as those share their sessions. Default: `fallback`.
	Lost string `json:"lost,omitempty"`

	// The upstreams that get no new sessions, by their addresses as the proxy has
	// them. They keep the sessions that they have. Default: none; the admin API
	// and `caddy affinity drain` can drain an upstream without a reload.
	Drain []string `json:"drain,omitempty"`

	rejectsLost bool // see Lost

	fallback   reverseproxy.Selector
	tags       *tagIndex
	coolDowns  coolDowns
	handshakes handshakeTimeout
	drains     *drains
	leastConn  *sessionLeastConn
	logger     *zap.Logger

	// proxy is the reverse_proxy of the policy, http the app that it is in, and
	// noted the pool of its last request.
	proxy *reverseproxy.Handler
	http  *caddyhttp.App
	noted *atomic.Pointer[reverseproxy.UpstreamPool]

	// retriesOnlyDials reports whether a request is only retried if its upstream could
	// not be dialed.
	retriesOnlyDials bool

	// resends reports whether a request that was sent to an upstream may be sent
	// to another one, if lb_retry_match matches it.
	resends bool

	// These keep the log from repeating its warnings.
	warnedMissingHandler *atomic.Bool
	lostWarnings         *lostWarnings
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
	a.warnedMissingHandler = new(atomic.Bool)
	a.lostWarnings = newLostWarnings()
	a.noted = new(atomic.Pointer[reverseproxy.UpstreamPool])
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}

	secrets, err := a.provisionSecrets()
	if err != nil {
		return err
	}
	a.tags = newTagIndex(secrets, app.shared)
	a.drains, a.leastConn = app.shared.drains, app.shared.leastConn
	a.proxy, a.http = ancestorOf[*reverseproxy.Handler](ctx), ancestorOf[*caddyhttp.App](ctx)
	app.policies = append(app.policies, a)
	coolDown := defaultCoolDown
	if a.CoolDown != nil {
		coolDown = time.Duration(*a.CoolDown)
	}
	if coolDown < 0 {
		return fmt.Errorf("cool_down %s: must not be negative", coolDown)
	}
	a.coolDowns = app.shared.dials.coolDowns(coolDown)
	a.resends, a.retriesOnlyDials = hasRetryMatch(a.proxy), retriesOnlyDials(a.proxy)
	timeout := defaultHandshakeTimeout
	if a.HandshakeTimeout != nil {
		timeout = time.Duration(*a.HandshakeTimeout)
	}
	if timeout < 0 {
		return fmt.Errorf("handshake_timeout %s: must not be negative", timeout)
	}
	a.handshakes = newHandshakeTimeout(app.shared.handshakes, timeout, a.proxy)
	if a.Cookie != nil {
		if err := a.Cookie.provision(); err != nil {
			return err
		}
	}
	if err := a.checkDrain(); err != nil {
		return err
	}
	if a.rejectsLost, err = parseLost(a.Lost); err != nil {
		return err
	}

	if a.FallbackRaw == nil {
		a.fallback = app.shared.leastConn
		return nil
	}
	mod, err := ctx.LoadModule(a, "FallbackRaw")
	if err != nil {
		return fmt.Errorf("loading fallback selection policy: %w", err)
	}
	a.fallback = mod.(reverseproxy.Selector)
	return nil
}

// Validate returns an error if the policy is its own fallback.
func (a *AffinitySelection) Validate() error {
	if _, own := a.fallback.(*AffinitySelection); own {
		return errOwnFallback
	}
	return nil
}

// ancestorOf returns the module of a type that a policy is provisioned in, or the
// zero value.
func ancestorOf[T caddy.Module](ctx caddy.Context) T {
	var none T
	for _, module := range ctx.Modules() {
		if ancestor, ok := module.(T); ok {
			return ancestor
		}
	}
	return none
}

// UnmarshalCaddyfile sets up the policy from Caddyfile tokens. Syntax:
//
//	lb_policy affinity {
//	    secret            <secret> [<accepted_secrets...>]
//	    cool_down         <duration>|off
//	    handshake_timeout <duration>|off
//	    fallback          <policy> [<args...>]
//	    lost              fallback|reject
//	    drain             <upstreams...>
//	    cookie            [<name>] {
//	        <options of Cookie>
//	    }
//	}
func (a *AffinitySelection) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalBlock(d, a.unmarshalOption)
}

// unmarshalOption parses one option with its arguments.
func (a *AffinitySelection) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "secret":
		return a.unmarshalSecrets(d)

	case "cool_down":
		return unmarshalDurationOrOff(d, &a.CoolDown)

	case "handshake_timeout":
		return unmarshalDurationOrOff(d, &a.HandshakeTimeout)

	case "fallback":
		return a.unmarshalFallback(d)

	case "drain":
		return unmarshalValues(d, &a.Drain)

	case "lost":
		return a.unmarshalLost(d)

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
