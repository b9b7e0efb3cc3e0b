package decodetest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/traefik/paerser/file"
	"github.com/traefik/paerser/flag"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/traefik"
)

// module is what Traefik's static configuration calls the plugin.
const module = "github.com/eio-affinity/affinity"

// nodeKeepAlive is how long Node.js keeps an idle connection open.
const nodeKeepAlive = 5 * time.Second

// object is a part of a file that is not decoded any further.
type object = map[string]any

// documents decodes the documents of a YAML file, and returns each as it is
// written too.
func documents(t *testing.T, content string) (all []object, texts []string) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewBufferString(content))
	for {
		var document object
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all, texts
		}
		require.NoError(t, err)
		text, err := yaml.Marshal(document)
		require.NoError(t, err)
		all, texts = append(all, document), append(texts, string(text))
	}
}

// decodeYAML decodes a document of YAML, all of it.
func decodeYAML[v any](t *testing.T, content string) (value v) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewBufferString(content))
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&value), "%s", content)
	return value
}

// requireStatic checks that a static configuration decodes and loads the plugin.
func requireStatic(t *testing.T, content string) *staticConfiguration {
	t.Helper()
	var c staticConfiguration
	require.NoError(t, file.DecodeContent(content, ".yml", &c))
	c.requirePlugin(t)
	return &c
}

// requireFlags is requireStatic for a command line.
func requireFlags(t *testing.T, args []string) *staticConfiguration {
	t.Helper()
	var c staticConfiguration
	require.NoError(t, flag.Decode(args, &c))
	c.requirePlugin(t)
	return &c
}

func (c *staticConfiguration) requirePlugin(t *testing.T) {
	t.Helper()
	require.NotNil(t, c.Experimental)
	names := map[string]string{}
	for name, plugin := range c.Experimental.Plugins {
		names[name] = plugin.ModuleName
		assert.NotEmpty(t, plugin.Version)
	}
	for name, plugin := range c.Experimental.LocalPlugins {
		names[name] = plugin.ModuleName
	}
	assert.Equal(t, map[string]string{"affinity": module}, names)
}

// assertComplete checks that a static configuration has all that it should.
func (c *staticConfiguration) assertComplete(t *testing.T) {
	t.Helper()
	assert.True(t, c.Experimental.AbortOnPluginFailure)
	require.NotNil(t, c.ServersTransport)
	assertShorterThanNode(t, time.Duration(c.ServersTransport.ForwardingTimeouts.IdleConnTimeout))
}

func assertShorterThanNode(t *testing.T, idle time.Duration) {
	t.Helper()
	assert.Positive(t, idle)
	assert.Less(t, idle, nodeKeepAlive)
}

// requireDynamic checks that the parts of a dynamic configuration fit together,
// and returns the plugin's configuration behind each router.
func (c *configuration) requireDynamic(t *testing.T) map[string]*traefik.Config {
	t.Helper()
	require.NotNil(t, c.HTTP)
	configs := map[string]*traefik.Config{}
	for name, router := range c.HTTP.Routers {
		for _, used := range router.Middlewares {
			require.Contains(t, c.HTTP.Middlewares, used, "router %s", name)
			if c.HTTP.Middlewares[used].Plugin == nil {
				continue
			}
			config, err := c.plugins(t, used).config(t)
			require.NoError(t, err)
			assert.Equal(t, c.stickyCookies(t, c.serviceOf(name)), config.CookieNames, "router %s", name)
			configs[name] = config
		}
		if service := c.HTTP.Services[c.serviceOf(name)]; service != nil && service.LoadBalancer != nil && service.LoadBalancer.Sticky == nil {
			continue // to what pins sessions by itself, such as another proxy
		}
		assert.Contains(t, configs, name, "a router without the plugin")
	}
	require.NotEmpty(t, configs)
	return configs
}

// serviceOf returns the service of a router. Labels need not name it when there
// is only one.
func (c *configuration) serviceOf(router string) string {
	if name := c.HTTP.Routers[router].Service; name != "" || len(c.HTTP.Services) != 1 {
		return name
	}
	for name := range c.HTTP.Services {
		return name
	}
	return ""
}

// stickyCookies returns the names of the sticky cookies of a service, the
// outermost first.
func (c *configuration) stickyCookies(t *testing.T, name string) []string {
	t.Helper()
	require.Contains(t, c.HTTP.Services, name)
	service := c.HTTP.Services[name]
	if service.Weighted == nil {
		require.NotNil(t, service.LoadBalancer.Sticky, "service %s", name)
		return []string{service.LoadBalancer.Sticky.Cookie.Name}
	}
	require.NotNil(t, service.Weighted.Sticky, "service %s", name)
	var inner []string
	for _, child := range service.Weighted.Services {
		names := c.stickyCookies(t, child.Name)
		if inner != nil {
			assert.Equal(t, inner, names, "the children of service %s", name)
		}
		inner = names
	}
	return append([]string{service.Weighted.Sticky.Cookie.Name}, inner...)
}

// assertComplete checks that a dynamic configuration has all that it should.
func (c *configuration) assertComplete(t *testing.T) {
	t.Helper()
	for name, router := range c.HTTP.Routers {
		require.Len(t, router.Middlewares, 2, "router %s", name)
		outer := c.HTTP.Middlewares[router.Middlewares[0]]
		require.NotNil(t, outer.Retry, "router %s", name)
		assert.Equal(t, 10, outer.Retry.Attempts, "router %s", name)
	}
	for name, service := range c.HTTP.Services {
		require.NotNil(t, service.LoadBalancer, "service %s", name)
		check := service.LoadBalancer.HealthCheck
		require.NotNil(t, check, "service %s", name)
		assert.Equal(t, "/health", check.Path)
		assert.Positive(t, check.Interval)
		assert.Positive(t, check.Timeout)
	}
}

// labelsOf returns labels by their names.
func labelsOf(t *testing.T, lines []string) map[string]string {
	t.Helper()
	labels := map[string]string{}
	for _, line := range lines {
		name, value, found := strings.Cut(line, "=")
		require.True(t, found, line)
		labels[name] = value
	}
	return labels
}
