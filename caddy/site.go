package caddy

import (
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/caddy/handover"
)

// site is where a reverse_proxy is in the config.
type site struct {
	// server is the name of the HTTP server, and listen has its addresses.
	server string
	listen []string

	// hosts and paths are those of the innermost matchers of the route.
	hosts, paths []string

	// handler is the affinity handler that requests pass before, or nil.
	handler *Handler
}

// siteOf returns where a reverse_proxy is in an app. It finds those in routes of
// servers, also in subroutes, but not those in error routes and named routes.
func siteOf(app *caddyhttp.App, proxy *reverseproxy.Handler) (found site, ok bool) {
	if app == nil || proxy == nil {
		return site{}, false
	}
	for name, server := range app.Servers {
		at := site{server: name}
		for _, address := range server.Listen {
			at.listen = append(at.listen, handover.ConfiguredAddress(address))
		}
		if found, _, ok := at.find(server.Routes, proxy); ok {
			return found, true
		}
	}
	return site{}, false
}

// find looks for a reverse_proxy in routes. If it is not there, find returns the
// affinity handler that requests have passed behind the routes.
func (s site) find(routes caddyhttp.RouteList, proxy *reverseproxy.Handler) (found site, handler *Handler, ok bool) {
	for _, route := range routes {
		inner := s.matchedBy(route)
		for _, handler := range route.Handlers {
			switch handler := handler.(type) {
			case *Handler:
				if inner.handler == nil { // a handler behind another one does nothing
					inner.handler = handler
				}
			case *reverseproxy.Handler:
				if handler == proxy {
					return inner, nil, true
				}
			case *caddyhttp.Subroute:
				if found, inner.handler, ok = inner.find(handler.Routes, proxy); ok {
					return found, nil, true
				}
			}
		}
		if route.Group == "" && !route.Terminal { // requests go on to the next route
			s.handler = inner.handler
		}
	}
	return site{}, s.handler, false
}

// matchedBy returns the site of requests that a route matches.
func (s site) matchedBy(route caddyhttp.Route) site {
	var hosts, paths []string
	for _, set := range route.MatcherSets {
		for _, matcher := range set {
			switch matcher := matcher.(type) {
			case *caddyhttp.MatchHost:
				hosts = append(hosts, *matcher...)
			case *caddyhttp.MatchPath:
				paths = append(paths, *matcher...)
			}
		}
	}
	if hosts != nil {
		s.hosts = slices.Compact(hosts)
	}
	if paths != nil {
		s.paths = slices.Compact(paths)
	}
	return s
}
