package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// loaders has the test that loads the blocks of each language, with their kind.
// A block of a language that is not here is one that nothing checks.
var loaders = map[string]string{
	"caddyfile":    "TestCaddyfilesOfTheDocsLoad",
	"json":         "TestJSONOfTheDocsLoads",
	"text grammar": "TestGrammarsOfTheDocsAreThoseOfTheParsers",
	"text session": "TestSessionsOfTheDocsAreTaggedAsByCaddy",
	"yaml":         "TestYAMLOfTheDocsDecodes",
	"dockerfile":   "TestDockerfilesBuildTheTestedCaddy",
	"sh":           "TestCommandsOfTheDocsExist",
	"text output":  "TestReadmeCheckPrintsWhatTheReadmeSays",
	"text log":     "TestLogMessagesOfTheDocsAreLogged",
	"text tree":    "TestTreesOfTheDocsExist",
	"text command": "TestCommandPrintsWhatTheDocsSay",
	"js":           "TestJavaScriptOfTheDocsParses",
}

// peers has the document that may show how to configure other load balancers, and
// the languages of those blocks.
var peers = map[string][]string{
	"docs/migrate.md": {"nginx", "apache", "haproxy", "yaml", "js", "sh", "text"},
}

func TestEveryBlockIsLoadedByATest(t *testing.T) {
	blocks := blocks(t)
	require.NotEmpty(t, blocks)
	used := map[string]bool{}
	for _, block := range blocks {
		if block.Kind == Peer {
			assert.Contains(t, peers[block.File], block.Language, "%s", block)
			continue
		}
		language := strings.TrimSpace(block.Language + " " + block.Kind)
		assert.Contains(t, loaders, language, "%s: no test loads this block", block)
		used[language] = true
	}
	tests := testNames(t)
	for language, loader := range loaders {
		assert.True(t, slices.Contains(tests, loader), "%s, which loads the blocks of %q, does not exist", loader, language)
		assert.Contains(t, used, language, "a language that no document uses")
	}
}

func TestLinksResolve(t *testing.T) {
	inline := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	reference := regexp.MustCompile(`(?m)^\[[^\]]+\]: (\S+)$`)
	used := regexp.MustCompile(`\]\[([^\]]+)\]`)
	for _, file := range files(t) {
		text := Prose(read(t, file))
		links := slices.Concat(inline.FindAllStringSubmatch(text, -1), reference.FindAllStringSubmatch(text, -1))
		for _, link := range links {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			target, anchor := Resolve(file, link[1])
			info, err := os.Stat(filepath.Join(root, target))
			require.NoError(t, err, "%s links to %s", file, link[1])
			if anchor == "" {
				continue
			}
			require.False(t, info.IsDir(), "%s links to %s", file, link[1])
			assert.Contains(t, Headings(read(t, target)), anchor, "%s links to %s", file, link[1])
		}
		for _, name := range used.FindAllStringSubmatch(text, -1) {
			assertHas(t, text, "\n["+name[1]+"]: ", "%s uses the link %s, which it does not define", file, name[1])
		}
	}
}

// A test is named in backticks, with what precedes the subtest's name, for
// example `Test{Caddy,Traefik}HoldsSessions/polling`.
func TestTestsThatAreNamedExist(t *testing.T) {
	tests := testNames(t)
	sources := goSources(t)
	named := regexp.MustCompile("`(Test[^` ]*)`")
	for _, file := range files(t) {
		if file == "CHANGELOG.md" {
			continue // it may name what was there once
		}
		for _, match := range named.FindAllStringSubmatch(read(t, file), -1) {
			name, subtest, _ := strings.Cut(match[1], "/")
			for _, name := range expand(name) {
				assert.True(t, slices.Contains(tests, name), "%s names %s, which does not exist", file, name)
			}
			if subtest != "" {
				assertHas(t, sources, `"`+strings.ReplaceAll(subtest, "_", " ")+`"`, "%s names %s of %s, which does not exist", file, subtest, name)
			}
		}
	}
}

// expand undoes one pair of braces, as a shell does.
func expand(name string) []string {
	before, rest, braces := strings.Cut(name, "{")
	if !braces {
		return []string{name}
	}
	list, after, _ := strings.Cut(rest, "}")
	var names []string
	for choice := range strings.SplitSeq(list, ",") {
		names = append(names, before+choice+after)
	}
	return names
}

// goFiles calls a function for each Go file of the project.
func goFiles(t *testing.T, suffix string, found func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{"bin", "node_modules", ".git"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.IsDir() && strings.HasSuffix(path, suffix) {
			found(path)
		}
		return nil
	})
	require.NoError(t, err)
}

// testNames returns the names of all tests of the project.
func testNames(t *testing.T) []string {
	t.Helper()
	names := map[string]bool{}
	goFiles(t, "_test.go", func(path string) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && strings.HasPrefix(function.Name.Name, "Test") {
				names[function.Name.Name] = true
			}
		}
	})
	return slices.Sorted(maps.Keys(names))
}

// goSources returns the text of all Go files of the project.
func goSources(t *testing.T) string {
	t.Helper()
	var sources strings.Builder
	goFiles(t, ".go", func(path string) { sources.WriteString(readPath(t, path)) })
	return sources.String()
}

func blocks(t *testing.T) []Block {
	t.Helper()
	blocks, err := Blocks(root)
	require.NoError(t, err)
	return blocks
}

func files(t *testing.T) []string {
	t.Helper()
	files, err := Files(root)
	require.NoError(t, err)
	require.Contains(t, files, "README.md")
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	return readPath(t, filepath.Join(root, file))
}

func readPath(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// assertHas checks that a long text has a part, and does not print the text if it
// does not.
func assertHas(t *testing.T, text, part, format string, args ...any) {
	t.Helper()
	if !strings.Contains(text, part) {
		assert.Failf(t, "not found", format, args...)
	}
}
