package caddy

import (
	"encoding/json"
	"reflect"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

// retriesOnlyDials reports whether a reverse_proxy retries only requests that it has
// not sent: it has the lb_retry_match of socketio, or does not retry.
func retriesOnlyDials(proxy *reverseproxy.Handler) bool {
	if proxy == nil || proxy.LoadBalancing == nil {
		return false
	}
	lb := proxy.LoadBalancing
	return reflect.DeepEqual(lb.RetryMatchRaw, matchesNothing()) || lb.Retries == 0 && lb.TryDuration == 0
}

// hasRetryMatch reports whether a reverse_proxy has an lb_retry_match that may
// match a request.
func hasRetryMatch(proxy *reverseproxy.Handler) bool {
	if proxy == nil || proxy.LoadBalancing == nil {
		return false
	}
	raw := proxy.LoadBalancing.RetryMatchRaw
	return len(raw) > 0 && !reflect.DeepEqual(raw, matchesNothing())
}

// matchesNothing is the default of lb_retry_match, which matches no request.
// Without it, Caddy retries every GET that an upstream received and failed, so a
// request that crashes an upstream would crash one more with each retry.
func matchesNothing() caddyhttp.RawMatcherSets {
	return caddyhttp.RawMatcherSets{{"not": json.RawMessage(`[{"path":["*"]}]`)}}
}
