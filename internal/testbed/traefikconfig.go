package testbed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// Object is a part of a configuration.
type Object = traefikconfig.Object

// AffinityPlugin is the plugin of this module.
func AffinityPlugin() traefikconfig.Plugin {
	return traefikconfig.Plugin{Name: "affinity", Module: ModulePath, Dir: Path()}
}

// static returns the static configuration.
func (h Traefik) static(endpoints []Endpoint, home string) Object {
	addresses := map[string]string{}
	for i, f := range endpoints {
		addresses[entryPoint(i)] = f.Address()
	}
	if h.DebugAddress != "" {
		addresses["traefik"] = h.DebugAddress
	}
	static := traefikconfig.Static(addresses, filepath.Join(home, "dynamic"), AffinityPlugin())
	static["log"] = Object{"level": "DEBUG", "format": "json"}
	// Shorter than the 5 seconds of Node.js, so that no request is sent on a
	// connection that the node is closing.
	static["serversTransport"] = Object{"forwardingTimeouts": Object{"idleConnTimeout": "2s"}}
	if h.HTTP3 {
		for i := range endpoints {
			static["entryPoints"].(Object)[entryPoint(i)].(Object)["http3"] = Object{}
		}
	}
	if h.DebugAddress != "" {
		static["api"] = Object{"insecure": true, "debug": true, "dashboard": false}
	}
	if h.AccessLog != "" {
		static["accessLog"] = Object{"filePath": h.AccessLog}
	}
	return static
}

// entryPoint returns the name of a site's entry point, router and service.
func entryPoint(i int) string { return fmt.Sprintf("site%d", i) }

// dynamic returns the dynamic configuration: a router and a service for each
// site, and the middlewares that all of them share.
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

// Tag returns a pattern that matches the tags in session IDs.
func (h Traefik) Tag() string {
	const level = "[0-9a-f]{16}"
	if h.Nested {
		return level + `\.` + level
	}
	return level
}

// pluginOptions returns the options of the plugin.
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

// services returns the service of a site, and its children.
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

// Balancer returns the load balancer of a service.
func (h Traefik) Balancer(upstreams []string) Object {
	balancer := Object{"servers": traefikconfig.Servers(upstreams)}
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

// StickyCookie returns the option sticky with a cookie of this name.
func (h Traefik) StickyCookie(cookie string) Object {
	named := Object{"name": cookie}
	if h.CrossSiteCookie {
		named["sameSite"], named["secure"] = "none", true
	}
	return Object{"cookie": named}
}

// StickyCookieOf returns the sticky cookie of a server, name=value.
func StickyCookieOf(address string) string {
	return InnerCookie + "=" + StickyValueOf(address)
}

// StickyValueOf returns the value of the sticky cookie of a server.
func StickyValueOf(address string) string {
	sum := sha256.Sum256([]byte("http://" + address))
	return hex.EncodeToString(sum[:8])
}
