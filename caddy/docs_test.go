package caddy

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eio-affinity/affinity/core"
	"github.com/eio-affinity/affinity/internal/docs"
)

// blocksOfTheDocs returns the documents' blocks of a language and a kind.
func blocksOfTheDocs(t *testing.T, language, kind string) []docs.Block {
	t.Helper()
	all, err := docs.Blocks("..")
	require.NoError(t, err)
	var blocks []docs.Block
	for _, block := range all {
		if block.Language == language && block.Kind == kind {
			blocks = append(blocks, block)
		}
	}
	require.NotEmpty(t, blocks)
	return blocks
}

func TestCaddyfilesOfTheDocsLoad(t *testing.T) {
	t.Setenv("AFFINITY_SECRET", "open sesame")
	for _, block := range blocksOfTheDocs(t, "caddyfile", "") {
		t.Run(block.String(), func(t *testing.T) { requireLoads(t, block.Text) })
	}
	t.Run("examples/caddy/Caddyfile", func(t *testing.T) {
		text, err := os.ReadFile("../examples/caddy/Caddyfile")
		require.NoError(t, err)
		requireLoads(t, string(text))
	})
	t.Run("examples/caddy/kubernetes.yml", func(t *testing.T) {
		text, err := os.ReadFile("../examples/caddy/kubernetes.yml")
		require.NoError(t, err)
		var configMap struct{ Data map[string]string }
		require.NoError(t, yaml.Unmarshal(text, &configMap)) // the first resource
		requireLoads(t, configMap.Data["Caddyfile"])
	})
}

// requireLoads checks that a Caddyfile loads, and is what caddy fmt makes of it.
func requireLoads(t *testing.T, input string) {
	t.Helper()
	config, err := adapt(input)
	require.NoError(t, err)
	require.NoError(t, validate(config))
	assert.Equal(t, string(caddyfile.Format([]byte(input))), input, "caddy fmt would change it")
}

// A block of JSON is a config, or a handler, as it stands among the others of a
// route.
func TestJSONOfTheDocsLoads(t *testing.T) {
	t.Setenv("AFFINITY_SECRET", "open sesame")
	for _, block := range blocksOfTheDocs(t, "json", "") {
		t.Run(block.String(), func(t *testing.T) {
			var object map[string]any
			require.NoError(t, json.Unmarshal([]byte(block.Text), &object))
			config := block.Text
			if _, whole := object["apps"]; !whole {
				require.Contains(t, object, "handler")
				config = `{"apps":{"http":{"servers":{"srv0":{"listen":[":8080"],"routes":[{"handle":[` + config + `]}]}}}}}`
			}
			require.NoError(t, validate([]byte(config)))
		})
	}
}

// The documentation of each parser carries its grammar, and so do the docs; both
// mean what the parser accepts.
func TestGrammarsOfTheDocsAreThoseOfTheParsers(t *testing.T) {
	grammars := grammarsOfTheParsers(t)
	for _, block := range blocksOfTheDocs(t, "text", "grammar") {
		t.Run(block.String(), func(t *testing.T) {
			assert.Contains(t, grammars, words(block.Text), "no parser is documented with this grammar")
			filled := fillGrammar(t, block.Text)
			config, err := adapt(filled)
			require.NoError(t, err, "%s", filled)
			require.NoError(t, validate(config), "%s", filled)
		})
	}
}

// words returns a text with single spaces: grammars are aligned in their own way.
func words(text string) string {
	return strings.Join(strings.Fields(text), " ")
}

// grammarsOfTheParsers returns the indented blocks of the package's doc comments.
func grammarsOfTheParsers(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var grammars []string
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Doc == nil {
				continue
			}
			for _, part := range new(comment.Parser).Parse(function.Doc.Text()).Content {
				if code, ok := part.(*comment.Code); ok {
					grammars = append(grammars, words(code.Text))
				}
			}
		}
	}
	return grammars
}

// fillGrammar makes a Caddyfile of a grammar, with an example of everything.
func fillGrammar(t *testing.T, grammar string) string {
	t.Helper()
	filled := strings.NewReplacer(
		"[<matcher>]", "/socket.io/*",
		"<upstreams...>", "node1:3000 node2:3000",
		"sid auto|tag|learn|off", "sid learn",
		"<secret> [<accepted_secrets...>]", "sesame mustard",
		"<policy> [<args...>]", "round_robin",
		"fallback|reject", "reject",
		"<duration>|off", "5s",
		"<duration>", "1h",
		"<number>", "1000",
		"[<name>]", "server_id",
		"insert|prefix", "insert",
		"<domain>", "example.com",
		"<path>", "/",
		"none|lax|strict", "none",
		"<options of Cookie>", "secure",
		"<any reverse_proxy subdirective>", "flush_interval -1",
	).Replace(regexp.MustCompile(`(?m)[ \t]+`).ReplaceAllString(grammar, " "))
	assert.NotContains(t, filled, "<")
	switch first := strings.Fields(filled)[0]; first {
	case "socketio":
		return ":8080 {\n" + filled + "\n}"
	case "lb_policy":
		return ":8080 {\naffinity\nreverse_proxy node1:3000 {\n" + filled + "\n}\n}"
	case "cookie":
		return ":8080 {\nsocketio node1:3000 {\n" + filled + "\n}\n}"
	case "affinity":
		if strings.Contains(filled, "max_sessions") {
			return "{\n" + filled + "\n}\n:8080 {\nsocketio node1:3000\n}"
		}
		return ":8080 {\n" + filled + "\nreverse_proxy node1:3000 {\nlb_policy affinity\n}\n}"
	default:
		require.Fail(t, "a grammar of nothing that is known", first)
		return ""
	}
}

// Each option has a row in a table of docs/caddy.md.
func TestOptionsAreInTheDocs(t *testing.T) {
	text, err := docs.Read("..", "docs/caddy.md")
	require.NoError(t, err)
	for _, module := range []any{App{}, Handler{}, AffinitySelection{}, Cookie{}} {
		of := reflect.TypeOf(module)
		for field := range of.Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if name != "" {
				assert.Contains(t, text, fmt.Sprintf("\n| `%s` |", name), "%s.%s", of.Name(), field.Name)
			}
		}
	}
	for _, placeholder := range []string{sidPlaceholder, tagPlaceholder, reasonPlaceholder} {
		assert.Contains(t, text, fmt.Sprintf("\n| `{%s}` |", placeholder))
	}
}

// The README and the docs follow a session of node2:3000, without a secret.
func TestSessionsOfTheDocsAreTaggedAsByCaddy(t *testing.T) {
	tag := core.NewTagger("").Tag("node2:3000")
	tagged := regexp.MustCompile(`([\w-]{11})\.[\w-]{20}`)
	blocks := append(blocksOfTheDocs(t, "text", "session"), blocksOfTheDocs(t, "text", "output")...)
	for _, block := range blocks {
		for _, match := range tagged.FindAllStringSubmatch(block.Text, -1) {
			assert.Equal(t, tag, match[1], "%s", block)
		}
	}
}

// The reasons of docs/caddy.md are those that core gives, and the empty one.
func TestReasonsAreInTheDocs(t *testing.T) {
	text, err := docs.Read("..", "docs/caddy.md")
	require.NoError(t, err)
	_, table, found := strings.Cut(text, "\n| reason |")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n\n")
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}

	var reasons []string
	files, err := filepath.Glob("../core/*.go")
	require.NoError(t, err)
	constant := regexp.MustCompile(`(?m)^\s+\w+\s+Reason = "(\w+)"$`)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, match := range constant.FindAllStringSubmatch(string(source), -1) {
			reasons = append(reasons, match[1])
		}
	}
	require.NotEmpty(t, reasons)
	assert.ElementsMatch(t, reasons, documented)
}
