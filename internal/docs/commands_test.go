package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Each command of a document is one that is there: a target of the Makefile, or
// what a reader has, with the versions that are tested.
func TestCommandsOfTheDocsExist(t *testing.T) {
	makefile := read(t, "Makefile")
	for _, block := range blocks(t) {
		if block.Language != "sh" || block.Kind == Peer {
			continue
		}
		for line := range strings.Lines(block.Text) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			words := strings.Fields(line)
			if len(words) == 0 {
				continue
			}
			switch words[0] {
			case "make":
				for _, word := range words[1:] {
					if !strings.Contains(word, "=") {
						assertHas(t, makefile, "\n"+word+":", "%s: %s", block, line)
					}
				}
			case "xcaddy":
				assertBuilds(t, block.String(), line)
			case "go":
				assert.Equal(t, "go install github.com/caddyserver/xcaddy/cmd/xcaddy@"+xcaddyVersion(t), line, "%s", block)
			case "curl":
				assert.Regexp(t, `^curl (-\w+ )*'https?://[^ ']+'$`, line, "%s", block)
			case "caddy":
				assert.Regexp(t, `^caddy affinity( (list|drain|undrain|explain)( '[^']+'| [\w.:-]+)*)?( --\w+)*$`, line, "%s", block)
			case "git":
				assert.Greater(t, len(words), 1, "%s: %s", block, line)
			default:
				assert.Fail(t, "a command that no test knows", "%s: %s", block, line)
			}
		}
	}
}

// assertBuilds checks that a command builds the tested Caddy with this module.
func assertBuilds(t *testing.T, where, command string) {
	t.Helper()
	assert.Equal(t, "xcaddy build "+requiredVersion(t, "go.mod", "github.com/caddyserver/caddy/v2")+
		" --with github.com/eio-affinity/affinity/caddy", command, "%s", where)
}

// TestDockerfilesBuildTheTestedCaddy also checks that the Dockerfile of the docs is
// the one of the examples.
func TestDockerfilesBuildTheTestedCaddy(t *testing.T) {
	example := read(t, "examples/caddy/Dockerfile")
	found := false
	for _, block := range blocks(t) {
		if block.Language == "dockerfile" {
			found = true
			assert.Equal(t, example, block.Text, "%s differs from examples/caddy/Dockerfile", block)
		}
	}
	assert.True(t, found)

	version := strings.TrimPrefix(requiredVersion(t, "go.mod", "github.com/caddyserver/caddy/v2"), "v")
	var lines []string
	for line := range strings.Lines(example) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	require.Len(t, lines, 4)
	assert.Equal(t, "FROM caddy:"+version+"-builder AS builder", lines[0])
	command, runs := strings.CutPrefix(lines[1], "RUN ")
	assert.True(t, runs)
	assertBuilds(t, "examples/caddy/Dockerfile", command)
	assert.Equal(t, "FROM caddy:"+version, lines[2])
	assert.Equal(t, "COPY --from=builder /usr/bin/caddy /usr/bin/caddy", lines[3])
}

// A document names the versions that the tests run.
func TestVersionsOfTheDocsAreTested(t *testing.T) {
	caddy := requiredVersion(t, "go.mod", "github.com/caddyserver/caddy/v2")
	traefik := requiredVersion(t, "testdata/traefik/go.mod", "github.com/traefik/traefik/v3")
	yaegi := requiredVersion(t, "tools/yaegi/go.mod", "github.com/traefik/yaegi")
	for _, tc := range []struct{ what, pattern, version string }{
		{"Caddy", `(?i)\bcaddy[ :@]v?(2\.\d+\.\d+)`, caddy},
		{"Traefik", `(?i)\btraefik[ :@]v?(3\.\d+\.\d+)`, traefik},
		{"Yaegi", `(?i)\byaegi\W+v?(0\.\d+\.\d+)`, yaegi},
	} {
		pattern := regexp.MustCompile(tc.pattern)
		documents := append(files(t), "examples/traefik/compose.yml", "examples/caddy/compose.yml")
		for _, file := range documents {
			for _, match := range pattern.FindAllStringSubmatch(read(t, file), -1) {
				assert.Equal(t, tc.version, "v"+match[1], "%s names a version of %s", file, tc.what)
			}
		}
	}
}

// A tree says what is in each directory or file, below the root of the project.
func TestTreesOfTheDocsExist(t *testing.T) {
	for _, block := range blocks(t) {
		if block.Language+" "+block.Kind != "text tree" {
			continue
		}
		for line := range strings.Lines(block.Text) {
			if strings.HasPrefix(line, " ") {
				continue // what is said of the line above goes on
			}
			_, err := os.Stat(filepath.Join(root, strings.Fields(line)[0]))
			assert.NoError(t, err, "%s", block)
		}
	}
}

// A message is quoted from its beginning, up to where it says what differs.
func TestLogMessagesOfTheDocsAreLogged(t *testing.T) {
	var sources strings.Builder
	goFiles(t, ".go", func(path string) {
		if !strings.HasSuffix(path, "_test.go") {
			sources.WriteString(readPath(t, path))
		}
	})
	joined := regexp.MustCompile(`"\s*\+\s*"`).ReplaceAllString(sources.String(), "")
	for _, block := range blocks(t) {
		if block.Language+" "+block.Kind != "text log" {
			continue
		}
		for line := range strings.Lines(block.Text) {
			assertHas(t, joined, strings.TrimSpace(line), "%s: nothing logs %s", block, line)
		}
	}
}

// xcaddyVersion is that of the xcaddy that the tests run.
func xcaddyVersion(t *testing.T) string {
	t.Helper()
	return requiredVersion(t, "tools/xcaddy/go.mod", "github.com/caddyserver/xcaddy")
}

// requiredVersion returns the version of a module that a go.mod requires.
func requiredVersion(t *testing.T, gomod, module string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^(?:require)?\s+` + regexp.QuoteMeta(module) + ` (v\S+)`).FindStringSubmatch(read(t, gomod))
	require.NotNil(t, match, "%s does not require %s", gomod, module)
	return match[1]
}
