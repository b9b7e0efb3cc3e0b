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

// route is what the handler and the policy tell each other of one Engine.IO
// request. It lives in the request's variables, so the two find it wherever
// they stand in the chain. One goroutine at a time has it.
type route struct {
	// by is the evidence that chose the upstream.
	by core.Evidence

	// pinned is the tag that the client's session ID carries, if any.
	pinned string

	// chosen is the tag of the upstream that the policy chose for a request
	// without a tag, or whose tag leads nowhere.
	chosen string

	// tried has the dial addresses of all that the policy so chose. There is
	// more than one when reverse_proxy tries again.
	tried []string

	// selected is the dial address of the upstream that the request was given
	// to last, and failures the policy's memory of those that failed.
	selected string
	failures *failures

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

// bindingTag tells a [core.Recorder] the tag for a new session.
func (rt *route) bindingTag(http.Header) string {
	return rt.chosen
}

// choose notes an upstream that the fallback policy chose.
func (rt *route) choose(upstream *reverseproxy.Upstream, tag string) {
	rt.chosen = tag
	rt.selected = upstream.Dial
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
