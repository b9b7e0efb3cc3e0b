package caddy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func init() {
	httpcaddyfile.RegisterDirective("socketio", parseSocketIO)
	httpcaddyfile.RegisterDirectiveOrder("socketio", httpcaddyfile.Before, "reverse_proxy")
}

const (
	// defaultRetries is enough for a handshake to find a healthy upstream when
	// several are down: those have no requests, so they are tried first. If all
	// are down, the reply is still immediate, as a refused connection takes no
	// time.
	defaultRetries = 3

	// defaultStreamCloseDelay keeps WebSockets open after a config reload. Caddy
	// closes those that remain all at once, and all their clients reconnect at
	// the same time. Few sessions last longer than a day, so few are left by
	// then, and the old config still ends some time. The delay itself costs
	// nothing.
	defaultStreamCloseDelay = caddy.Duration(24 * time.Hour)

	// defaultKeepAlive has Caddy close idle connections before the upstream
	// does. Node.js closes them after five seconds (keepAliveTimeout of
	// http.Server), Caddy by default after two minutes. A message sent while the
	// upstream closes the connection is lost, and its session with it, because a
	// POST is not retried.
	defaultKeepAlive = caddy.Duration(2 * time.Second)
)

// parseSocketIO parses the socketio directive. It has the same syntax as the
// reverse_proxy directive, except for these additional options:
//
//	socketio [<matcher>] <upstreams...> {
//	    sid               auto|tag|learn|off
//	    secret            <secret> [<accepted_secrets...>]
//	    cool_down         <duration>|off
//	    handshake_timeout <duration>|off
//	    fallback          <policy> [<args...>]
//	    lost              fallback|reject
//	    drain             <upstreams...>
//	    cookie            [<name>] {
//	        <options of Cookie>
//	    }
//	    <any reverse_proxy subdirective>
//	}
//
// They are the options of the affinity handler (sid) and of the affinity policy
// (secret, cool_down, handshake_timeout, fallback, lost, drain, cookie). A line such as this:
//
//	socketio /socket.io/* node1:3000 node2:3000
//
// is equivalent to:
//
//	affinity /socket.io/*
//	reverse_proxy /socket.io/* node1:3000 node2:3000 {
//	    lb_policy affinity
//	    lb_retries 3
//	    lb_retry_match {
//	        not path *
//	    }
//	    stream_close_delay 24h
//	    transport http {
//	        keepalive 2s
//	    }
//	}
//
// If an upstream refuses the connection, the request is retried on up to three
// others; lb_retries or lb_try_duration replaces this default. A request that was
// sent to an upstream is not sent again; lb_retry_match replaces this default.
// Open WebSockets survive a config reload (stream_close_delay). Connections to
// upstreams are closed before a Node.js server with its default keepAliveTimeout
// closes them; transport replaces this default. lb_policy is an error, as it is
// always affinity; use fallback to choose the policy for new sessions.
//
// Without a matcher, all requests go to the upstreams.
func parseSocketIO(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matcherSet, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}

	// Without the options of this directive, the tokens are those of a
	// reverse_proxy directive.
	h.Next() // consume the directive name again, as extracting the matcher resets
	d := h.NewFromNextSegment()
	var options socketIOOptions
	if err := options.extract(d); err != nil {
		return nil, err
	}
	d.Reset()

	proxy := new(reverseproxy.Handler)
	if err := proxy.UnmarshalCaddyfile(d); err != nil {
		return nil, err
	}
	if err := proxy.FinalizeUnmarshalCaddyfile(h); err != nil {
		return nil, err
	}
	if len(proxy.Upstreams) == 0 && proxy.DynamicUpstreamsRaw == nil {
		return nil, h.Err("socketio requires at least one upstream")
	}
	if err := options.apply(proxy); err != nil {
		return nil, err
	}

	routes := h.NewRoute(matcherSet, &options.handler)
	for i := range routes {
		if route, ok := routes[i].Value.(caddyhttp.Route); ok {
			route.HandlersRaw = append(route.HandlersRaw, caddyconfig.JSONModuleObject(proxy, "handler", "reverse_proxy", nil))
			routes[i].Value = route
		}
	}
	return routes, nil
}

// socketIOOptions has the options of a socketio directive that reverse_proxy does
// not have.
type socketIOOptions struct {
	handler Handler
	policy  AffinitySelection

	// These report which reverse_proxy options are given, and so replace the
	// directive's defaults.
	triesGiven     bool
	matchGiven     bool
	delayGiven     bool
	transportGiven bool
}

// extract parses the options and removes them from the tokens of a socketio
// directive.
func (o *socketIOOptions) extract(d *caddyfile.Dispenser) error {
	d.Next()          // consume directive name
	d.RemainingArgs() // the upstreams
	for d.NextBlock(0) {
		name := d.Val()
		tokens := d.NextSegment()
		option := caddyfile.NewDispenser(tokens)
		option.Next()

		var err error
		switch name {
		case "sid":
			err = o.handler.unmarshalOption(option)
		case "secret", "cool_down", "handshake_timeout", "fallback", "lost", "drain", "cookie":
			err = o.policy.unmarshalOption(option)
		case "lb_policy":
			err = option.Err("socketio always uses lb_policy affinity; use fallback to choose the policy for new sessions")
		case "lb_retries", "lb_try_duration":
			o.triesGiven = true
			continue
		case "lb_retry_match":
			o.matchGiven = true
			continue
		case "stream_close_delay":
			o.delayGiven = true
			continue
		case "transport":
			o.transportGiven = true
			continue
		default:
			continue
		}
		if err != nil {
			return err
		}
		d.DeleteN(len(tokens))
	}
	return nil
}

// apply sets the policy of a proxy, and the defaults of the directive.
func (o *socketIOOptions) apply(proxy *reverseproxy.Handler) error {
	if proxy.LoadBalancing == nil {
		proxy.LoadBalancing = new(reverseproxy.LoadBalancing)
	}
	proxy.LoadBalancing.SelectionPolicyRaw = caddyconfig.JSONModuleObject(&o.policy, "policy", policyName, nil)
	if !o.triesGiven {
		proxy.LoadBalancing.Retries = defaultRetries
	}
	if !o.matchGiven {
		proxy.LoadBalancing.RetryMatchRaw = matchesNothing()
	}
	if !o.delayGiven {
		proxy.StreamCloseDelay = defaultStreamCloseDelay
	}
	if o.transportGiven {
		return nil
	}
	transport := new(reverseproxy.HTTPTransport)
	if proxy.TransportRaw != nil { // for an https:// or h2c:// upstream
		if err := json.Unmarshal(proxy.TransportRaw, transport); err != nil {
			return fmt.Errorf("decoding the transport of the upstreams: %w", err)
		}
	}
	transport.KeepAlive = &reverseproxy.KeepAlive{IdleConnTimeout: defaultKeepAlive}
	proxy.TransportRaw = caddyconfig.JSONModuleObject(transport, "protocol", "http", nil)
	return nil
}
