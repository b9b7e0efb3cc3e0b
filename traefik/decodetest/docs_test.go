package decodetest

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/docs"
	"github.com/eio-affinity/affinity/traefik"
)

// Each block of YAML is a configuration of Traefik's or a Compose file, which it
// says by its first key.
func TestYAMLOfTheDocsDecodes(t *testing.T) {
	blocks, err := docs.Blocks("../..")
	require.NoError(t, err)
	found := false
	for _, block := range blocks {
		if block.Language != "yaml" || block.Kind == docs.Peer {
			continue
		}
		found = true
		t.Run(block.String(), func(t *testing.T) { requireDecodes(t, block.Text) })
	}
	assert.True(t, found)
}

func requireDecodes(t *testing.T, content string) {
	t.Helper()
	first, _, _ := strings.Cut(strings.TrimLeft(content, "\n"), ":")
	switch first {
	case "http":
		fromFile(t, ".yml", content).requireDynamic(t)
	case "experimental":
		requireStatic(t, content)
	case "apiVersion":
		requireResources(t, content)
	case "labels":
		labels := decodeYAML[struct {
			Labels []string `yaml:"labels"`
		}](t, content).Labels
		fromLabels(t, labelsOf(t, labels)).requireDynamic(t)
	default: // a Compose file begins with a comment
		compose := decodeYAML[composeFile](t, content)
		require.Contains(t, compose.Services, "traefik", "a block that no test knows")
		_, c := requireTraefikCompose(t, compose, "./affinity")
		c.requireDynamic(t)
		complete := decodeYAML[composeFile](t, example(t, "traefik", "compose.yml"))
		for name, service := range compose.Services {
			assert.Equal(t, complete.Services[name].Command, service.Command, "differs from the example")
			assert.Equal(t, complete.Services[name].Labels, service.Labels, "differs from the example")
		}
	}
}

// Each option has a row in a table of docs/traefik.md.
func TestOptionsAreInTheDocs(t *testing.T) {
	text, err := docs.Read("../..", "docs/traefik.md")
	require.NoError(t, err)
	config := reflect.TypeFor[traefik.Config]()
	for i := range config.NumField() {
		name, _, _ := strings.Cut(config.Field(i).Tag.Get("json"), ",")
		if name != "-" {
			assert.Contains(t, text, fmt.Sprintf("\n| `%s` |", name))
		}
	}
}
