package decodetest

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mitchellh/mapstructure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/traefik"
)

// module is what Traefik's static configuration calls the plugin.
const module = "github.com/eio-affinity/affinity"

func example(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "testdata", "traefik", "examples", name))
	require.NoError(t, err)
	return string(content)
}

// object is a part of a file that is not decoded any further.
type object = map[string]any

// documents decodes the documents of a YAML file.
func documents(t *testing.T, content string) []object {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewBufferString(content))
	var all []object
	for {
		var document object
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, document)
	}
}

// cookieNames returns the names of the sticky cookies in a part of a file.
func cookieNames(part any) []string {
	var names []string
	switch part := part.(type) {
	case object:
		for key, value := range part {
			if key == "sticky" {
				names = append(names, value.(object)["cookie"].(object)["name"].(string))
				continue
			}
			names = append(names, cookieNames(value)...)
		}
	case []any:
		for _, value := range part {
			names = append(names, cookieNames(value)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestExampleStatic(t *testing.T) {
	static := documents(t, example(t, "static.yml"))[0]
	plugin := static["experimental"].(object)["plugins"].(object)["affinity"].(object)
	assert.Equal(t, module, plugin["moduleName"])
	gomod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	require.NoError(t, err)
	assert.Contains(t, string(gomod), "module "+module+"\n")
}

func TestExampleFiles(t *testing.T) {
	var configs []*traefik.Config
	for _, name := range []string{"dynamic.yml", "dynamic.toml"} {
		c := fromFile(t, filepath.Ext(name), example(t, name))
		router := c.HTTP.Routers["chat"].(object)
		assert.Equal(t, []any{"retry", "affinity"}, router["middlewares"], name)
		assert.Contains(t, c.HTTP.Middlewares["retry"].Retry, "attempts", name)
		config, err := c.plugins(t, "affinity").config(t)
		require.NoError(t, err, name)
		assert.Equal(t, cookieNames(c.HTTP.Services), config.CookieNames, name)
		configs = append(configs, config)
	}
	assert.Equal(t, plain, *configs[0])
	assert.Equal(t, configs[0], configs[1])
}

func TestExampleLabels(t *testing.T) {
	services := documents(t, example(t, "labels.yml"))[0]["services"].(object)
	assert.Contains(t, services["traefik"].(object)["command"], "--experimental.plugins.affinity.moduleName="+module)

	labels := map[string]string{}
	for _, label := range services["chat"].(object)["labels"].([]any) {
		key, value, found := strings.Cut(label.(string), "=")
		require.True(t, found, label)
		labels[key] = value
	}
	c := fromLabels(t, labels)
	assert.Equal(t, "affinity", c.HTTP.Routers["chat"].(object)["middlewares"])
	config, err := c.plugins(t, "affinity").config(t)
	require.NoError(t, err)
	assert.Equal(t, plain, *config)
	assert.Equal(t, cookieNames(c.HTTP.Services), config.CookieNames)
}

func TestExampleKubernetes(t *testing.T) {
	content := example(t, "kubernetes.yml")
	assertNoBareBoolean(t, content)

	configs := map[string]*traefik.Config{}
	routes := map[string][]string{}   // cookie names by middleware
	services := map[string][]string{} // cookie names by TraefikService
	for _, resource := range documents(t, content) {
		name := resource["metadata"].(object)["name"].(string)
		spec := resource["spec"].(object)
		switch kind := resource["kind"]; kind {
		case "Middleware":
			config, err := fromResource(t, spec["plugin"]).config(t)
			require.NoError(t, err)
			configs[name] = config
		case "TraefikService":
			services[name] = cookieNames(spec)
		case "IngressRoute":
			for _, route := range spec["routes"].([]any) {
				uses := route.(object)["middlewares"].([]any)[0].(object)["name"].(string)
				serves := route.(object)["services"].([]any)[0].(object)
				routes[uses] = append(cookieNames(serves), services[serves["name"].(string)]...)
			}
		default:
			require.Fail(t, "an unknown kind", "%v", kind)
		}
	}
	assert.Equal(t, map[string]*traefik.Config{
		"affinity":        {CookieNames: []string{"server_id"}, SID: "auto", MaxSessions: 1_000_000},
		"canary-affinity": {CookieNames: []string{"release", "server_id"}, SID: "auto", MaxSessions: 1_000_000},
	}, configs)
	assert.Equal(t, map[string][]string{
		"affinity":        {"server_id"},
		"canary-affinity": {"release", "server_id"},
	}, routes)
}

// assertNoBareBoolean checks that no value is a word that the YAML of
// Kubernetes, 1.1, takes for true or false and that of Traefik's files, 1.2,
// does not.
func assertNoBareBoolean(t *testing.T, content string) {
	t.Helper()
	words := []string{"y", "yes", "on", "n", "no", "off"}
	for line := range strings.Lines(content) {
		_, value, _ := strings.Cut(line, ": ")
		assert.NotContains(t, words, strings.ToLower(strings.TrimSpace(value)), "the value of %s", line)
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

// readmeBlock returns the YAML block of the README that begins with a line.
func readmeBlock(t *testing.T, first string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(content), "```yaml\n"+first+"\n")
	require.True(t, found, "there is no block that begins with %q", first)
	block, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return first + "\n" + block
}

func TestReadmeFile(t *testing.T) {
	block := readmeBlock(t, "http:")
	config, err := fromFile(t, ".yml", block).plugins(t, "socketio").config(t)
	require.NoError(t, err)
	assert.Equal(t, cookieNames(documents(t, block)[0]), config.CookieNames)
}

func TestReadmeLabels(t *testing.T) {
	labels := map[string]string{}
	for _, label := range documents(t, readmeBlock(t, "labels:"))[0]["labels"].([]any) {
		name, value, _ := strings.Cut(label.(string), "=")
		labels[name] = value
	}
	config, err := fromLabels(t, labels).plugins(t, "socketio").config(t)
	require.NoError(t, err)
	assert.Equal(t, []string{labels["traefik.http.services.chat.loadBalancer.sticky.cookie.name"]}, config.CookieNames)
}

func TestReadmeResources(t *testing.T) {
	resources := documents(t, readmeBlock(t, "apiVersion: traefik.io/v1alpha1"))
	require.Len(t, resources, 2)
	config, err := fromResource(t, resources[0]["spec"].(object)["plugin"]).config(t)
	require.NoError(t, err)
	assert.Equal(t, cookieNames(resources[1]), config.CookieNames)
}
