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
		assert.Equal(t, []any{"affinity"}, router["middlewares"], name)
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
		"affinity":        {CookieNames: []string{"server_id"}, SID: "auto"},
		"canary-affinity": {CookieNames: []string{"release", "server_id"}, SID: "auto"},
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
