package testbed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Object is a part of a configuration.
type Object = map[string]any

// AsYAML writes a configuration as JSON, which is YAML.
func AsYAML(t *testing.T, o Object) string {
	t.Helper()
	written, err := json.MarshalIndent(o, "", "  ")
	require.NoError(t, err)
	return string(written)
}

// static is the part of the configuration that Traefik reads once.
func (h Traefik) static(endpoints []Endpoint, home string) Object {
	entryPoints := Object{}
	for i, f := range endpoints {
		_, address, _ := strings.Cut(f.URL, "://")
		point := Object{"address": address}
		if h.HTTP3 {
			point["http3"] = Object{}
		}
		entryPoints[entryPoint(i)] = point
	}
	static := Object{
		"global":      Object{"checkNewVersion": false, "sendAnonymousUsage": false},
		"log":         Object{"level": "DEBUG", "format": "json"},
		"entryPoints": entryPoints,
		// Shorter than the 5 seconds of Node.js: nothing is sent on a connection
		// that the node is just closing.
		"serversTransport": Object{"forwardingTimeouts": Object{"idleConnTimeout": "2s"}},
		"providers": Object{
			"providersThrottleDuration": "0s",
			"file":                      Object{"directory": filepath.Join(home, "dynamic")},
		},
		"experimental": Object{
			"abortOnPluginFailure": true,
			"localPlugins":         Object{"affinity": Object{"moduleName": "github.com/eio-affinity/affinity"}},
		},
	}
	if h.DebugAddress != "" {
		static["api"] = Object{"insecure": true, "debug": true, "dashboard": false}
		entryPoints["traefik"] = Object{"address": h.DebugAddress}
	}
	if h.AccessLog != "" {
		static["accessLog"] = Object{"filePath": h.AccessLog}
	}
	return static
}

func entryPoint(i int) string { return fmt.Sprintf("site%d", i) }

// dynamic is the part of the configuration that Traefik watches: a router and
// a service for each site, and the middlewares that all of them share.
func (h Traefik) dynamic(endpoints []Endpoint, sites []Site) Object {
	routers, services := Object{}, Object{}
	for i, s := range sites {
		name := entryPoint(i)
		router := Object{"entryPoints": []string{name}, "rule": "PathPrefix(`/`)", "service": name}
		chain := h.Chain
		if s.Compress {
			chain = append([]string{CompressMiddleware}, chain...)
		}
		if len(chain) > 0 {
			router["middlewares"] = chain
		}
		if strings.HasPrefix(endpoints[i].URL, "https:") {
			router["tls"] = Object{}
		}
		routers[name] = router
		maps.Copy(services, h.services(name, s.Upstreams))
	}
	http := Object{"routers": routers, "services": services, "middlewares": Object{
		PluginMiddleware:     Object{"plugin": Object{"affinity": h.pluginOptions()}},
		CompressMiddleware:   Object{"compress": Object{}},
		RetryMiddleware:      Object{"retry": Object{"attempts": 10}},
		GenerationMiddleware: Object{"headers": Object{"customResponseHeaders": Object{"X-Generation": fmt.Sprint(h.Generation)}}},
	}}
	if h.Change != nil {
		h.Change(http)
	}
	return Object{"http": http}
}

// Tag is the pattern of the tags that clients are given.
func (h Traefik) Tag() string {
	const level = "[0-9a-f]{16}"
	if h.Nested {
		return level + `\.` + level
	}
	return level
}

func (h Traefik) pluginOptions() Object {
	switch {
	case h.Options != nil:
		return h.Options
	case h.Nested:
		return Object{"cookieNames": []string{outerCookie, InnerCookie}}
	default:
		return Object{"cookieNames": []string{InnerCookie}}
	}
}

// services has the service of a name, and those that it is made of.
func (h Traefik) services(name string, upstreams []string) Object {
	if !h.Nested {
		return Object{name: Object{"loadBalancer": h.Balancer(upstreams)}}
	}
	left, right := upstreams[:len(upstreams)/2], upstreams[len(upstreams)/2:]
	return Object{
		name + "-left":  Object{"loadBalancer": h.Balancer(left)},
		name + "-right": Object{"loadBalancer": h.Balancer(right)},
		name: Object{"weighted": Object{
			"services": []Object{
				{"name": name + "-left", "weight": len(left)},
				{"name": name + "-right", "weight": len(right)},
			},
			"sticky": h.StickyCookie(outerCookie),
		}},
	}
}

func (h Traefik) Balancer(upstreams []string) Object {
	servers := make([]Object, len(upstreams))
	for i, upstream := range upstreams {
		servers[i] = Object{"url": "http://" + upstream}
	}
	balancer := Object{"servers": servers}
	if !h.WithoutStickyCookie {
		balancer["sticky"] = h.StickyCookie(InnerCookie)
	}
	if h.Strategy != "" {
		balancer["strategy"] = h.Strategy
	}
	if h.HealthCheck {
		interval := cmp.Or(h.HealthCheckInterval, "100ms")
		balancer["healthCheck"] = Object{"path": "/health", "interval": interval, "unhealthyInterval": interval, "timeout": "5s"}
	}
	return balancer
}

func (h Traefik) StickyCookie(cookie string) Object {
	named := Object{"name": cookie}
	if h.CrossSiteCookie {
		named["sameSite"], named["secure"] = "none", true
	}
	return Object{"cookie": named}
}

// StickyCookieOf is the cookie that Traefik has for a server.
func StickyCookieOf(address string) string {
	sum := sha256.Sum256([]byte("http://" + address))
	return InnerCookie + "=" + hex.EncodeToString(sum[:8])
}
