package caddy

import (
	"context"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// routeVar is the request variable that holds the *route.
const routeVar = "http.affinity"

// The placeholders that the handler sets. See [Handler].
const (
	sidPlaceholder = "http.affinity.sid"
	tagPlaceholder = "http.affinity.tag"
	byPlaceholder  = "http.affinity.by"
)

// route is what the handler and the policy tell each other of one request. It
// lives in the request's variables, so the two find it wherever they stand in
// the chain. One goroutine at a time has it.
type route struct {
	// ours says that the request is Engine.IO's, and session that it belongs
	// to a session that is there already.
	ours, session bool

	// evidence is what the request brings for an upstream, and by what chose
	// the upstream in the end.
	evidence, by core.Evidence

	// pinned is the tag of the upstream that has the request's session, if
	// that is known.
	pinned string

	// chosen is the tag of the upstream that the policy chose for a request
	// without a session, or whose session cannot be reached.
	chosen string

	// tried has the dial addresses of all that the policy so chose. There is
	// more than one when reverse_proxy tries again.
	tried []string

	// selected is the dial address of the upstream that the request was given
	// to last, and answering its tag, and failures the policy's memory of
	// those that failed.
	selected, answering string
	failures            *failures

	// cookie is that of the policy, if it has one, and given the tag that the
	// client's carries. The reply may greet the client with a new one.
	cookie *Cookie
	given  string
	greets bool

	// sid is the node's own session ID, as [core.Printable] shows it.
	sid string

	// handled says that a handler is at work on the request, so that another
	// one behind it keeps out.
	handled bool
}

// routeOf returns the route of a request, or nil when no handler has seen it.
func routeOf(ctx context.Context) *route {
	rt, _ := caddyhttp.GetVar(ctx, routeVar).(*route)
	return rt
}

// newRoute gives a request a route.
func newRoute(ctx context.Context) *route {
	rt := new(route)
	caddyhttp.SetVar(ctx, routeVar, rt)
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(rt.placeholder)
	}
	return rt
}

// placeholder is a [caddy.ReplacerFunc].
func (rt *route) placeholder(key string) (any, bool) {
	if !rt.ours && rt.by == "" {
		return nil, false
	}
	switch key {
	case sidPlaceholder:
		return rt.sid, true
	case tagPlaceholder:
		return rt.tag(), true
	case byPlaceholder:
		return string(rt.by), true
	default:
		return nil, false
	}
}

// tag returns the tag of the request's session: the one it came with, or the
// one that it is to get.
func (rt *route) tag() string {
	if rt.pinned != "" {
		return rt.pinned
	}
	return rt.chosen
}

// take reads the policy's cookie, and takes it out of the headers of the
// request that goes to the upstream.
func (rt *route) take(cookie *Cookie, header http.Header) {
	if cookie == nil {
		return
	}
	tag := cookie.take(header)
	if cookie != rt.cookie { // headers that are tried again have none any more
		rt.cookie, rt.given = cookie, tag
	}
}

// giveCookie gives a reply the policy's cookie. One that says nothing is right
// does not greet: who was refused may as well go elsewhere next time.
func (rt *route) giveCookie(header http.Header, status int) {
	if rt.cookie != nil && rt.answering != "" {
		greet := rt.greets && rt.answering != rt.given && status < http.StatusBadRequest
		rt.cookie.give(header, rt.answering, greet)
	}
}

// follow notes that the request goes to the upstream that has its session.
func (rt *route) follow(upstream *reverseproxy.Upstream) {
	rt.by = rt.evidence
	rt.selected, rt.answering = upstream.Dial, rt.pinned
}

// choose notes an upstream that was chosen for a request without one.
func (rt *route) choose(upstream *reverseproxy.Upstream, tag string) {
	rt.chosen = tag
	rt.selected, rt.answering = upstream.Dial, tag
	rt.tried = append(rt.tried, upstream.Dial)
}

// fail notes that the upstream selected last, if any, has failed the request.
func (rt *route) fail() {
	if rt.selected != "" {
		rt.failures.note(rt.selected)
		rt.selected = ""
	}
}

// hasTried reports whether an upstream was chosen before.
func (rt *route) hasTried(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(rt.tried, upstream.Dial)
}
