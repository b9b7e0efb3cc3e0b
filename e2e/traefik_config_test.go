package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// object is a part of a configuration.
type object = map[string]any

// asYAML writes a configuration as JSON, which is YAML.
func asYAML(t *testing.T, o object) string {
	t.Helper()
	written, err := json.MarshalIndent(o, "", "  ")
	require.NoError(t, err)
	return string(written)
}

// static is the part of the configuration that Traefik reads once.
func (h traefik) static(fronts []front, home string) object {
	entryPoints := object{}
	for i, f := range fronts {
		_, address, _ := strings.Cut(f.url, "://")
		point := object{"address": address}
		if h.http3 {
			point["http3"] = object{}
		}
		entryPoints[entryPoint(i)] = point
	}
	static := object{
		"global":      object{"checkNewVersion": false, "sendAnonymousUsage": false},
		"log":         object{"level": "DEBUG", "format": "json"},
		"entryPoints": entryPoints,
		// Shorter than the 5 seconds of Node.js: nothing is sent on a connection
		// that the node is just closing.
		"serversTransport": object{"forwardingTimeouts": object{"idleConnTimeout": "2s"}},
		"providers": object{
			"providersThrottleDuration": "0s",
			"file":                      object{"directory": filepath.Join(home, "dynamic")},
		},
		"experimental": object{
			"abortOnPluginFailure": true,
			"localPlugins":         object{"affinity": object{"moduleName": "github.com/eio-affinity/affinity"}},
		},
	}
	if h.profile != "" {
		static["api"] = object{"insecure": true, "debug": true, "dashboard": false}
		entryPoints["traefik"] = object{"address": h.profile}
	}
	if h.accessLog != "" {
		static["accessLog"] = object{"filePath": h.accessLog}
	}
	return static
}

func entryPoint(i int) string { return fmt.Sprintf("site%d", i) }

// dynamic is the part of the configuration that Traefik watches: a router and
// a service for each site, and the middlewares that all of them share.
func (h traefik) dynamic(fronts []front, sites []site) object {
	routers, services := object{}, object{}
	for i, s := range sites {
		name := entryPoint(i)
		router := object{"entryPoints": []string{name}, "rule": "PathPrefix(`/`)", "service": name}
		chain := h.chain
		if s.encode {
			chain = append([]string{compress}, chain...)
		}
		if len(chain) > 0 {
			router["middlewares"] = chain
		}
		if strings.HasPrefix(fronts[i].url, "https:") {
			router["tls"] = object{}
		}
		routers[name] = router
		maps.Copy(services, h.services(name, s.upstreams))
	}
	http := object{"routers": routers, "services": services, "middlewares": object{
		plugin:     object{"plugin": object{"affinity": h.pluginOptions()}},
		compress:   object{"compress": object{}},
		retry:      object{"retry": object{"attempts": 10}},
		generation: object{"headers": object{"customResponseHeaders": object{"X-Generation": fmt.Sprint(h.generation)}}},
	}}
	if h.change != nil {
		h.change(http)
	}
	return object{"http": http}
}

// tag is the pattern of the tags that clients are given.
func (h traefik) tag() string {
	const level = "[0-9a-f]{16}"
	if h.nested {
		return level + `\.` + level
	}
	return level
}

func (h traefik) pluginOptions() object {
	switch {
	case h.options != nil:
		return h.options
	case h.nested:
		return object{"cookieNames": []string{outerCookie, innerCookie}}
	default:
		return object{"cookieNames": []string{innerCookie}}
	}
}

// services has the service of a name, and those that it is made of.
func (h traefik) services(name string, upstreams []string) object {
	if !h.nested {
		return object{name: object{"loadBalancer": h.balancer(upstreams)}}
	}
	left, right := upstreams[:len(upstreams)/2], upstreams[len(upstreams)/2:]
	return object{
		name + "-left":  object{"loadBalancer": h.balancer(left)},
		name + "-right": object{"loadBalancer": h.balancer(right)},
		name: object{"weighted": object{
			"services": []object{
				{"name": name + "-left", "weight": len(left)},
				{"name": name + "-right", "weight": len(right)},
			},
			"sticky": h.sticky(outerCookie),
		}},
	}
}

func (h traefik) balancer(upstreams []string) object {
	servers := make([]object, len(upstreams))
	for i, upstream := range upstreams {
		servers[i] = object{"url": "http://" + upstream}
	}
	balancer := object{"servers": servers}
	if !h.forgetful {
		balancer["sticky"] = h.sticky(innerCookie)
	}
	if h.strategy != "" {
		balancer["strategy"] = h.strategy
	}
	if h.healthCheck {
		interval := cmp.Or(h.checkInterval, "100ms")
		balancer["healthCheck"] = object{"path": "/health", "interval": interval, "unhealthyInterval": interval, "timeout": "5s"}
	}
	return balancer
}

func (h traefik) sticky(cookie string) object {
	named := object{"name": cookie}
	if h.crossSite {
		named["sameSite"], named["secure"] = "none", true
	}
	return object{"cookie": named}
}
