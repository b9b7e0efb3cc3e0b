package testbed

import (
	"slices"
	"strings"
	"testing"
)

// Caddy is the proxy Caddy. Directive returns the lines of a site in the
// Caddyfile that proxy to upstreams.
type Caddy struct {
	Directive      func(upstreams string) string
	SetsCookie     bool     // a cookie to every client
	Race           bool     // built with the race detector
	GlobalOptions  string   // more global options
	Env            []string // more environment variables, name=value
	ExpectedErrors []string // parts of the error lines that its log may have
}

// CaddyShorthand is the directive socketio alone.
var CaddyShorthand = Caddy{Directive: func(upstreams string) string {
	return "socketio " + upstreams
}}

// CaddyWith is the directive socketio with these lines in its block.
func CaddyWith(options ...string) Caddy {
	return Caddy{Directive: func(upstreams string) string {
		return "socketio " + upstreams + " {\n" + strings.Join(options, "\n") + "\n}"
	}}
}

// CaddySettingCookie is the directive socketio with these lines, which set a
// cookie for every client.
func CaddySettingCookie(options ...string) Caddy {
	c := CaddyWith(options...)
	c.SetsCookie = true
	return c
}

// CaddyPolicy is a Caddy without this module, with this policy as lb_policy.
func CaddyPolicy(policy string) Caddy {
	return Caddy{Directive: func(upstreams string) string {
		return "reverse_proxy " + upstreams + " {\nlb_policy " + policy + "\n}"
	}}
}

// CaddyShowingReason is the directive socketio with these lines, in a site
// whose replies say in X-Reason why the upstream was chosen.
func CaddyShowingReason(options ...string) Caddy {
	c := CaddySettingCookie(options...)
	c.Directive = func(upstreams string) string {
		return "header >X-Reason {http.affinity.reason}\n" + CaddyWith(options...).Directive(upstreams)
	}
	return c
}

// CaddyLogging is Caddy with an access log.
func CaddyLogging(path string) Caddy {
	return Caddy{Directive: func(upstreams string) string {
		return "log {\noutput file " + path + "\n}\n" + CaddyShorthand.Directive(upstreams)
	}}
}

// ExpectingErrors returns the same Caddy, whose log may have error lines with
// one of these parts.
func (c Caddy) ExpectingErrors(parts ...string) Caddy {
	c.ExpectedErrors = slices.Concat(c.ExpectedErrors, parts)
	return c
}

// Serve implements [Proxy].
func (c Caddy) Serve(t *testing.T, sites ...Site) []Endpoint {
	t.Helper()
	endpoints, blocks := c.Sites(t, sites...)
	running := c.Start(t, blocks, endpoints...)
	for i := range endpoints {
		endpoints[i].Program, endpoints[i].DebugAddress = running.Process, running.Admin
	}
	return endpoints
}

// Sites gives each site a free address and returns their part of the Caddyfile.
func (c Caddy) Sites(t *testing.T, sites ...Site) ([]Endpoint, string) {
	t.Helper()
	endpoints := make([]Endpoint, len(sites))
	var blocks strings.Builder
	for i, s := range sites {
		scheme := "http://"
		if s.HTTPS {
			scheme = "https://"
		}
		endpoints[i] = Endpoint{URL: scheme + FreeAddress(t), TagPattern: "[A-Za-z0-9_-]{11}", KnowsTags: true, SetsCookie: c.SetsCookie}
		blocks.WriteString(c.SiteBlock(endpoints[i], s))
	}
	return endpoints, blocks.String()
}

// SiteBlock returns one site's part of the Caddyfile.
func (c Caddy) SiteBlock(f Endpoint, s Site) string {
	lines := []string{f.URL + " {"}
	if s.HTTPS {
		lines = append(lines, "tls internal")
	}
	if s.Compress {
		lines = append(lines, "encode gzip")
	}
	lines = append(lines, c.Directive(strings.Join(s.Upstreams, " ")), "}", "")
	return strings.Join(lines, "\n")
}
