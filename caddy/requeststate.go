package caddy

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// stateVar is the request variable that holds the *requestState.
const stateVar = "http.affinity"

// The placeholders that the handler sets. See [Handler].
const (
	sidPlaceholder = "http.affinity.sid"
	tagPlaceholder = "http.affinity.tag"
	reasonPlaceholder  = "http.affinity.reason"
)

// requestState is what the handler and the policy tell each other about one
// request. It lives in the request's variables, so the two find it wherever they
// stand in the chain. One goroutine at a time has it.
type requestState struct {
	// isEngineIO says that the request is Engine.IO's. Then engineIO is what its
	// query says, mode and share are the handler's, and hasSession says that the
	// request belongs to a session that is there already.
	isEngineIO, hasSession bool
	engineIO               core.Request
	mode                   core.Mode
	share                  *core.Share

	// policy is the policy that has resolved the request's session. There may be
	// several, one after another.
	policy *AffinitySelection

	// evidence is what the request brings for an upstream, and by what chose
	// the upstream in the end.
	evidence, by core.Reason

	// pinned is the tag of the upstream that has the request's session, if
	// that is known.
	pinned string

	// chosen is the tag of the upstream that the policy chose for a request
	// without a session, or whose session cannot be reached.
	chosen string

	// tried has the dial addresses of all that the policy so chose. There is
	// more than one when reverse_proxy tries again.
	tried []string

	// connect is what the request has seen of its connections. undialed has the
	// dial addresses of the upstreams that could not be dialed for it.
	connect  connectTrace
	undialed []string

	// selected is the upstream that the request was given to last, and
	// responder the tag of it.
	selected  *reverseproxy.Upstream
	responder string

	// cookie is that of the policy, if it has one, and cookieTag the tag that
	// the client's carries. The reply may set a new one if maySetCookie.
	cookie       *Cookie
	cookieTag    string
	maySetCookie bool

	// fallbackHeader is what the fallback policy has set on the reply.
	fallbackHeader http.Header

	// sid is the node's own session ID, as [core.Printable] shows it.
	sid string

	// handled says that a handler is at work on the request, so that another
	// one behind it keeps out.
	handled bool
}

// stateOf returns the state of a request, or nil when no handler has seen it.
func stateOf(ctx context.Context) *requestState {
	state, _ := caddyhttp.GetVar(ctx, stateVar).(*requestState)
	return state
}

// newState gives a request a state.
func newState(ctx context.Context) *requestState {
	state := new(requestState)
	caddyhttp.SetVar(ctx, stateVar, state)
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(state.placeholder)
	}
	return state
}

// placeholder is a [caddy.ReplacerFunc].
func (s *requestState) placeholder(key string) (any, bool) {
	if !s.isEngineIO && s.by == "" {
		return nil, false
	}
	switch key {
	case sidPlaceholder:
		return s.sid, true
	case tagPlaceholder:
		return s.tag(), true
	case reasonPlaceholder:
		return string(s.by), true
	default:
		return nil, false
	}
}

// tag returns the tag of the request's session: the one it came with, or the
// one that it is to get.
func (s *requestState) tag() string {
	if s.pinned != "" {
		return s.pinned
	}
	return s.chosen
}

// takeCookie reads the policy's cookie, and takes it out of the headers of the
// request that goes to the upstream.
func (s *requestState) takeCookie(cookie *Cookie, header http.Header) {
	if cookie == nil {
		return
	}
	tag := cookie.take(header)
	if cookie != s.cookie { // headers that are tried again have none any more
		s.cookie, s.cookieTag = cookie, tag
	}
}

// setCookie gives a reply the policy's cookie. A reply that is an error sets
// none: a client that was refused may as well go elsewhere next time.
func (s *requestState) setCookie(header http.Header, status int) {
	if s.cookie != nil && s.responder != "" {
		set := s.maySetCookie && s.responder != s.cookieTag && status < http.StatusBadRequest
		s.cookie.give(header, s.responder, set)
	}
}

// follow notes that the request goes to the upstream that has its session.
func (s *requestState) follow(upstream *reverseproxy.Upstream) {
	s.by = s.evidence
	s.selected, s.responder = upstream, s.pinned
}

// choose notes an upstream that was chosen for a request without one.
func (s *requestState) choose(upstream *reverseproxy.Upstream, tag string) {
	s.chosen = tag
	s.selected, s.responder = upstream, tag
	s.tried = append(s.tried, upstream.Dial)
}

// endTry notes whether the upstream selected last, if any, could be dialed. It
// returns that upstream and the error if it could not, and this says something
// of the upstream: not of this machine, nor of the client, as where a
// placeholder may make what the client writes a part of the address.
func (s *requestState) endTry() (undialed *reverseproxy.Upstream, err error) {
	upstream := s.selected
	if upstream == nil {
		return nil, nil
	}
	s.selected = nil
	if err = s.connect.endTry(); err == nil {
		return nil, nil
	}
	s.undialed = append(s.undialed, upstream.Dial)
	if isLocal(err) || strings.Contains(upstream.Dial, "{") {
		return nil, nil
	}
	return upstream, err
}

// hasTried reports whether an upstream was chosen before.
func (s *requestState) hasTried(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(s.tried, upstream.Dial)
}

// couldNotDial reports whether an upstream could not be dialed for the request.
func (s *requestState) couldNotDial(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(s.undialed, upstream.Dial)
}
