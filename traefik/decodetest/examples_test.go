package decodetest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mitchellh/mapstructure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/traefik"
)

// example returns the text of a file of the examples.
func example(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"..", "..", "examples"}, path...)...))
	require.NoError(t, err)
	return string(content)
}

func TestExampleStatic(t *testing.T) {
	requireStatic(t, example(t, "traefik", "static.yml")).assertComplete(t)
	gomod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(gomod), "module "+module+"\n")
}

// What the file says of the plugin catalog, in comments, is right as well.
func TestExampleStaticWithTheCatalog(t *testing.T) {
	content := example(t, "traefik", "static.yml")
	before, rest, found := strings.Cut(content, "  # A copy of this repository")
	require.True(t, found)
	_, rest, found = strings.Cut(rest, "above by:\n")
	require.True(t, found)
	catalog, after, found := strings.Cut(rest, "\n\n")
	require.True(t, found)
	requireStatic(t, before+strings.ReplaceAll(catalog, "  # ", "  ")+"\n\n"+after).assertComplete(t)
}

func TestExampleFiles(t *testing.T) {
	for _, name := range []string{"dynamic.yml", "dynamic.toml"} {
		c := fromFile(t, filepath.Ext(name), example(t, "traefik", name))
		assert.Equal(t, map[string]*traefik.Config{"chat": &plain}, c.requireDynamic(t), name)
		c.assertComplete(t)
		assert.Len(t, c.HTTP.Services["chat"].LoadBalancer.Servers, 3, name)
	}
}

func TestExampleKubernetes(t *testing.T) {
	r, configs := requireResources(t, example(t, "traefik", "kubernetes.yml"))
	assert.Equal(t, map[string]*traefik.Config{
		"affinity":        &plain,
		"canary-affinity": {CookieNames: []string{"release", "server_id"}, SID: "auto", MaxSessions: 1_000_000},
	}, configs)
	r.assertComplete(t)
}

func TestExampleComposeOfTraefik(t *testing.T) {
	compose := decodeYAML[composeFile](t, example(t, "traefik", "compose.yml"))
	static, c := requireTraefikCompose(t, compose, "../..")
	static.assertComplete(t)
	c.assertComplete(t)
	assert.False(t, static.Providers.Docker.ExposedByDefault)
	assert.Equal(t, map[string]*traefik.Config{"chat": &plain}, c.requireDynamic(t))
	assert.Equal(t, "3000", c.HTTP.Services["chat"].LoadBalancer.Servers[0].Port)
}

// requireTraefikCompose decodes the command and the labels of a Compose file, to
// which the plugin is in a directory.
func requireTraefikCompose(t *testing.T, compose composeFile, plugin string) (*staticConfiguration, *configuration) {
	t.Helper()
	proxy := compose.Services["traefik"]
	static := requireFlags(t, proxy.Command)
	assert.Contains(t, proxy.Volumes, plugin+":/plugins-local/src/"+module+":ro")
	chat := compose.Services["chat"]
	assert.Contains(t, chat.Labels, "traefik.enable=true")
	labels := labelsOf(t, chat.Labels)
	delete(labels, "traefik.enable") // the Docker provider's own
	return static, fromLabels(t, labels)
}

func TestExampleComposeOfCaddy(t *testing.T) {
	compose := decodeYAML[composeFile](t, example(t, "caddy", "compose.yml"))
	proxy := compose.Services["caddy"]
	assert.Equal(t, ".", proxy.Build)
	assert.NotEmpty(t, example(t, "caddy", "Dockerfile"))
	caddyfile := example(t, "caddy", "Caddyfile")
	for variable := range proxy.Environment {
		assert.Contains(t, caddyfile, "{env."+variable+"}")
	}
	for _, volume := range proxy.Volumes {
		from, _, _ := strings.Cut(volume, ":")
		if name, isFile := strings.CutPrefix(from, "./"); isFile {
			assert.NotEmpty(t, example(t, "caddy", name))
		} else {
			assert.Contains(t, compose.Volumes, from)
		}
	}
	upstreams := 0
	for name, service := range compose.Services {
		if service.Build == "../node" {
			upstreams++
			assert.Contains(t, caddyfile, " "+name+":3000")
		}
	}
	assert.Equal(t, strings.Count(caddyfile, ":3000"), upstreams)
}

// Both services of Socket.IO's pods have the same pods and port, of which the
// Caddyfile has the names.
func TestExampleKubernetesOfCaddy(t *testing.T) {
	r := decodeResources(t, example(t, "caddy", "kubernetes.yml"))
	proxy, nodes := r.deployments["chat-caddy"], r.deployments["chat"]
	caddyfile := r.configMaps["chat-caddy"]["Caddyfile"]
	for _, variable := range proxy.Template.Spec.Containers[0].Env {
		assert.Contains(t, caddyfile, "{env."+variable.Name+"}")
	}
	assert.Greater(t, proxy.Replicas, 1)
	assert.Contains(t, caddyfile, "grace_period 30s")
	assertStops(t, proxy, 30)
	assertDrains(t, nodes)

	ready, all := r.plain["chat"], r.plain["chat-all"]
	assert.False(t, ready.PublishNotReadyAddresses)
	assert.True(t, all.PublishNotReadyAddresses)
	all.PublishNotReadyAddresses = false
	assert.Equal(t, ready, all)
	assert.Equal(t, "None", ready.ClusterIP)
	for name, service := range r.plain {
		deployment := strings.TrimSuffix(name, "-all")
		require.Contains(t, r.deployments, deployment)
		assert.Equal(t, service.Selector, r.deployments[deployment].Template.Metadata.Labels)
	}
	for _, name := range []string{"chat-caddy", "chat"} {
		assert.Equal(t, r.deployments[name].Selector.MatchLabels, r.budgets[name].Selector.MatchLabels)
	}
}

func TestCatalogManifest(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "..", ".traefik.yml"))
	require.NoError(t, err)
	var manifest struct {
		DisplayName, Type, Import, Summary string
		TestData                           options
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var raw object
	require.NoError(t, decoder.Decode(&raw))
	require.NoError(t, mapstructure.Decode(raw, &manifest))
	assert.Equal(t, "middleware", manifest.Type)
	assert.Equal(t, module+"/traefik", manifest.Import)
	assert.NotEmpty(t, manifest.DisplayName)
	assert.NotEmpty(t, manifest.Summary)
	_, err = plugins{"affinity": manifest.TestData}.config(t)
	assert.NoError(t, err, "New refuses the testData")
}
