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
	// defaultRetries has a handshake whose node refuses the connection tried on
	// another node. There may be several dead nodes, which have no requests and
	// so come first; and a site of which all nodes are down still answers at
	// once, as to be refused takes no time.
	defaultRetries = 3

	// defaultStreamCloseDelay keeps open WebSockets through config reloads.
	// Caddy closes them all at once, this long after the reload, and all their
	// clients come back in one second. A day is longer than nearly every
	// session lasts, so that there is hardly anything left to close, and still
	// ends at some time what an old config has let in. What waits costs
	// nothing beside the WebSockets themselves.
	defaultStreamCloseDelay = caddy.Duration(24 * time.Hour)

	// defaultKeepAlive has idle connections to nodes closed by Caddy, not by
	// the node. Node.js does it after five seconds (http.Server's
	// keepAliveTimeout), Caddy by default after two minutes. A message that is
	// being sent when the node closes is lost, and its session with it: a POST
	// cannot be sent again.
	defaultKeepAlive = caddy.Duration(2 * time.Second)
)

// parseSocketIO parses the socketio directive, which has the syntax of the
// reverse_proxy directive and these options more:
//
//	socketio [<matcher>] <upstreams...> {
//	    sid       auto|tag|learn|off
//	    secret    <secret>
//	    cool_down <duration>|off
//	    fallback  <policy> [<args...>]
//	    cookie    [<name>] {
//	        <options of Cookie>
//	    }
//	    <any reverse_proxy subdirective>
//	}
//
// The options are those of the affinity handler (sid) and of the affinity policy
// (secret, cool_down, fallback, cookie). A line such as this:
//
//	socketio /socket.io/* node1:3000 node2:3000
//
// is equivalent to these:
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
// The default of lb_retries gives a request up to three more tries, each on
// another node, when its node refuses the connection; it does not apply where
// lb_retries or lb_try_duration is given. The default of lb_retry_match matches
// nothing, so that a request that was sent to a node is not sent again; it does
// not apply where an lb_retry_match is given. The default of stream_close_delay lets open
// WebSockets survive a reload of the config. The default of keepalive is shorter
// than that of Node.js, so that no message is sent on a connection that the node
// is closing; it does not apply where a transport is given. The policy is always
// affinity: lb_policy is an error; use fallback to choose the policy for new sessions.
//
// Without a matcher, it is every request that goes to the upstreams.
func parseSocketIO(h httpcaddyfile.Helper) ([]httpcaddyfile.ConfigValue, error) {
	if !h.Next() {
		return nil, h.ArgErr()
	}
	matcherSet, err := h.ExtractMatcherSet()
	if err != nil {
		return nil, err
	}

	// As the options are taken out of the tokens, reverse_proxy can read
	// what remains as its own.
	h.Next() // the directive name again, as extracting the matcher resets
	d := h.NewFromNextSegment()
	var options socketIOOptions
	if err := options.take(d); err != nil {
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
		return nil, h.Err("socketio has no upstreams")
	}
	if err := options.configure(proxy); err != nil {
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

// socketIOOptions is what the socketio directive knows beside what it leaves
// to reverse_proxy.
type socketIOOptions struct {
	handler Handler
	policy  AffinitySelection

	// triesGiven and delayGiven say which defaults were overridden.
	triesGiven     bool
	matchGiven     bool
	delayGiven     bool
	transportGiven bool
}

// take takes the options out of the tokens of a socketio directive.
func (o *socketIOOptions) take(d *caddyfile.Dispenser) error {
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
		case "secret", "cool_down", "fallback", "cookie":
			err = o.policy.unmarshalOption(option)
		case "lb_policy":
			err = option.Err("socketio always has lb_policy affinity; use fallback to choose the policy for new sessions")
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

// configure gives a proxy the policy, and the defaults of the directive.
func (o *socketIOOptions) configure(proxy *reverseproxy.Handler) error {
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
	if proxy.TransportRaw != nil { // an https:// or h2c:// upstream asks for one
		if err := json.Unmarshal(proxy.TransportRaw, transport); err != nil {
			return fmt.Errorf("reading the upstreams' transport: %w", err)
		}
	}
	transport.KeepAlive = &reverseproxy.KeepAlive{IdleConnTimeout: defaultKeepAlive}
	proxy.TransportRaw = caddyconfig.JSONModuleObject(transport, "protocol", "http", nil)
	return nil
}

// matchesNothing is the default of lb_retry_match: no request. Without it, Caddy
// sends each GET again that reached a node and failed there, and a request that
// crashes a node would crash as many as there are retries.
func matchesNothing() caddyhttp.RawMatcherSets {
	return caddyhttp.RawMatcherSets{{"not": json.RawMessage(`[{"path":["*"]}]`)}}
}
