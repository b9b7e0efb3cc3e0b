package caddy

import (
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// The values of AffinitySelection.Lost.
const (
	lostFallback = "fallback"
	lostReject   = "reject"
)

// rejecting is selected for a request that is rejected. Its address is not valid,
// so that reverse_proxy returns an error immediately, to which the handler replies.
// If no upstream were selected, reverse_proxy would ask the policy again until
// lb_try_duration ends. It is never dialed.
var rejecting = &reverseproxy.Upstream{Host: new(reverseproxy.Host), Dial: "session:lost"}

// parseLost returns whether requests of lost sessions are rejected.
func parseLost(lost string) (rejects bool, err error) {
	switch lost {
	case "", lostFallback:
		return false, nil
	case lostReject:
		return true, nil
	default:
		return false, fmt.Errorf("lost %q: must be fallback or reject", lost)
	}
}

// unmarshalLost parses the lost option.
func (a *AffinitySelection) unmarshalLost(d *caddyfile.Dispenser) error {
	if err := unmarshalValue(d, &a.Lost); err != nil {
		return err
	}
	if _, err := parseLost(a.Lost); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

// rejects reports whether the request of a pinned session whose upstream is not
// there is rejected. A cookie is no evidence that the session is lost, as it may be
// of another session. Any upstream can reply to a preflight request.
func (a *AffinitySelection) rejects(state *requestState) bool {
	return a.rejectsLost && state.handling && state.resolved != core.ReasonCookie && state.kind != core.KindPreflight
}

// reject has the handler reply to a request of a lost session.
func (a *AffinitySelection) reject(state *requestState) *reverseproxy.Upstream {
	state.rejected = true
	a.logRejected(state)
	return rejecting
}

// replyUnknown replies to a request of a lost session as an upstream would.
func replyUnknown(w http.ResponseWriter, r *http.Request) error {
	reply := core.UnknownSession(r)
	w.Header().Set("Content-Type", reply.ContentType)
	w.WriteHeader(reply.Status)
	_, err := io.WriteString(w, reply.Body)
	return err
}
