package decodetest

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/traefik"
)

// resources are those of a file, by their names.
type resources struct {
	middlewares map[string]middlewareSpec
	routes      map[string]ingressRouteSpec
	services    map[string]traefikServiceSpec
	transports  map[string]serversTransportSpec
	deployments map[string]deploymentSpec
	plain       map[string]serviceSpec // Kubernetes' own services
	budgets     map[string]disruptionBudgetSpec
	configMaps  map[string]map[string]string // their data
}

// requireResources checks that the resources of a file decode and fit together,
// and returns them, and the plugin's configuration by the middleware's name.
func requireResources(t *testing.T, content string) (resources, map[string]*traefik.Config) {
	t.Helper()
	assertNoBareBoolean(t, content)
	r := decodeResources(t, content)

	configs := map[string]*traefik.Config{}
	for name, spec := range r.middlewares {
		if spec.Plugin != nil {
			config, err := fromResource(t, spec.Plugin).config(t)
			require.NoError(t, err, name)
			configs[name] = config
		}
	}
	for name, spec := range r.routes {
		for _, route := range spec.Routes {
			var plugins []string
			for _, used := range route.Middlewares {
				require.Contains(t, r.middlewares, used.Name, name)
				if _, is := configs[used.Name]; is {
					plugins = append(plugins, used.Name)
				}
			}
			require.Len(t, plugins, 1, name)
			assert.Equal(t, r.stickyCookies(t, route.Services), configs[plugins[0]].CookieNames, name)
		}
	}
	require.NotEmpty(t, configs)
	return r, configs
}

// decodeResources decodes the resources of a file, each into the type of its kind.
func decodeResources(t *testing.T, content string) resources {
	t.Helper()
	r := resources{
		map[string]middlewareSpec{},
		map[string]ingressRouteSpec{},
		map[string]traefikServiceSpec{},
		map[string]serversTransportSpec{},
		map[string]deploymentSpec{},
		map[string]serviceSpec{},
		map[string]disruptionBudgetSpec{},
		map[string]map[string]string{},
	}
	objects, texts := documents(t, content)
	for i, text := range texts {
		switch kind := objects[i]["kind"]; kind {
		case "Middleware":
			addResource(t, r.middlewares, "traefik.io/v1alpha1", text)
		case "IngressRoute":
			addResource(t, r.routes, "traefik.io/v1alpha1", text)
		case "TraefikService":
			addResource(t, r.services, "traefik.io/v1alpha1", text)
		case "ServersTransport":
			addResource(t, r.transports, "traefik.io/v1alpha1", text)
		case "Deployment":
			addResource(t, r.deployments, "apps/v1", text)
		case "Service":
			addResource(t, r.plain, "v1", text)
		case "PodDisruptionBudget":
			addResource(t, r.budgets, "policy/v1", text)
		case "ConfigMap":
			decoded := decodeYAML[resource[any]](t, text)
			r.configMaps[decoded.Metadata.Name] = decoded.Data
		default:
			require.Fail(t, "an unknown kind", "%v", kind)
		}
	}
	return r
}

func addResource[spec any](t *testing.T, to map[string]spec, version, text string) {
	t.Helper()
	decoded := decodeYAML[resource[spec]](t, text)
	assert.Equal(t, version, decoded.APIVersion, decoded.Kind)
	assert.NotContains(t, to, decoded.Metadata.Name, "two of kind %s", decoded.Kind)
	to[decoded.Metadata.Name] = decoded.Spec
}

// stickyCookies returns the names of the sticky cookies of what a route or a
// weighted service is made of, the outermost first.
func (r resources) stickyCookies(t *testing.T, services []serviceReference) []string {
	t.Helper()
	var all []string
	for i, service := range services {
		var names []string
		if service.Kind == "TraefikService" {
			require.Contains(t, r.services, service.Name)
			weighted := r.services[service.Name].Weighted
			require.NotNil(t, weighted.Sticky, service.Name)
			names = append([]string{weighted.Sticky.Cookie.Name}, r.stickyCookies(t, weighted.Services)...)
		} else {
			require.NotNil(t, service.Sticky, service.Name)
			names = []string{service.Sticky.Cookie.Name}
		}
		if i > 0 {
			assert.Equal(t, all, names)
		}
		all = names
	}
	return all
}

// assertComplete checks that the resources of a file have all that they should.
func (r resources) assertComplete(t *testing.T) {
	t.Helper()
	var references []serviceReference
	for name, spec := range r.routes {
		for _, route := range spec.Routes {
			require.Len(t, route.Middlewares, 2, name)
			retry := r.middlewares[route.Middlewares[0].Name].Retry
			require.NotNil(t, retry, name)
			assert.Equal(t, 10, retry.Attempts, name)
			references = append(references, route.Services...)
		}
	}
	for _, spec := range r.services {
		references = append(references, spec.Weighted.Services...)
	}
	for _, reference := range references {
		if reference.Kind == "TraefikService" {
			continue
		}
		require.Contains(t, r.transports, reference.ServersTransport, reference.Name)
		idle, err := time.ParseDuration(r.transports[reference.ServersTransport].ForwardingTimeouts.IdleConnTimeout)
		require.NoError(t, err)
		assertShorterThanNode(t, idle)
	}
	r.assertPodsAreChecked(t)
}

// assertPodsAreChecked checks that services select pods that say when they are
// ready, and that those of Socket.IO drain.
func (r resources) assertPodsAreChecked(t *testing.T) {
	t.Helper()
	require.NotEmpty(t, r.plain)
	for name, service := range r.plain {
		require.Contains(t, r.deployments, name)
		deployment := r.deployments[name]
		assert.Equal(t, service.Selector, deployment.Template.Metadata.Labels)
		assert.Equal(t, deployment.Selector.MatchLabels, deployment.Template.Metadata.Labels)
		assert.False(t, service.PublishNotReadyAddresses, "Traefik takes such pods for ready")
		require.Len(t, deployment.Template.Spec.Containers, 1)
		c := deployment.Template.Spec.Containers[0]
		ports := make([]string, 0, len(c.Ports))
		for _, port := range c.Ports {
			ports = append(ports, port.Name)
		}
		probed := c.ReadinessProbe.HTTPGet.Port
		if c.Image == "chat" {
			assert.Equal(t, "/health", c.ReadinessProbe.HTTPGet.Path)
			assert.Positive(t, c.ReadinessProbe.PeriodSeconds)
			assert.Equal(t, deployment.Selector, r.budgets[name].Selector)
			assertDrains(t, deployment)
		} else {
			probed = c.ReadinessProbe.TCPSocket.Port
		}
		assert.Contains(t, ports, probed)
		for _, port := range service.Ports {
			assert.Contains(t, ports, port.TargetPort)
		}
	}
}

// assertDrains checks that Kubernetes waits for longer than a pod of Socket.IO
// drains.
func assertDrains(t *testing.T, deployment deploymentSpec) {
	t.Helper()
	c := deployment.Template.Spec.Containers[0]
	drains := 0
	for _, variable := range c.Env {
		if variable.Name == "DRAIN_SECONDS" {
			var err error
			drains, err = strconv.Atoi(variable.Value)
			require.NoError(t, err)
		}
	}
	assert.Positive(t, drains)
	assertStops(t, deployment, drains)
}

// assertStops checks that Kubernetes waits for longer than a pod sleeps before
// SIGTERM and takes after it.
func assertStops(t *testing.T, deployment deploymentSpec, seconds int) {
	t.Helper()
	pod := deployment.Template.Spec
	sleeps := pod.Containers[0].Lifecycle.PreStop.Sleep.Seconds
	assert.Positive(t, sleeps)
	assert.Greater(t, pod.TerminationGracePeriodSeconds, sleeps+seconds)
}

// assertNoBareBoolean checks that no value is a word that the YAML of
// Kubernetes, 1.1, takes for true or false and that of Traefik's files, 1.2,
// does not.
func assertNoBareBoolean(t *testing.T, content string) {
	t.Helper()
	words := []string{"y", "yes", "on", "n", "no", "off"}
	for line := range strings.Lines(content) {
		_, value, _ := strings.Cut(line, ": ")
		assert.False(t, slices.Contains(words, strings.ToLower(strings.TrimSpace(value))), "the value of %s", line)
	}
}
