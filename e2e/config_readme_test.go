package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/docs"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// Whoever follows the README, on either proxy, sees what it says.
func TestReadmeCheckPrintsWhatTheReadmeSays(t *testing.T) {
	t.Parallel()
	const site8080 = "http://localhost:8080"
	command := readmeBlock(t, "sh", "", "curl ")
	path := strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(command), "curl '"+site8080), "'")
	require.True(t, strings.HasPrefix(path, "/socket.io/?EIO=4"), command)
	// All of the output but the session ID.
	output := strings.TrimSpace(readmeBlock(t, "text", "output", "0{"))
	before, rest, found := strings.Cut(output, `"sid":"`)
	require.True(t, found)
	_, after, found := strings.Cut(rest, `"`)
	require.True(t, found)
	want := func(tag string) string {
		return "^" + regexp.QuoteMeta(before) + `"sid":"` + tag + `\.[\w-]{20}"` + regexp.QuoteMeta(after) + "$"
	}

	t.Run("Caddy", func(t *testing.T) {
		nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
		f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
		caddyfile := replaced(t, readmeBlock(t, "caddyfile", "", ":8080"), ":8080", f.URL)
		for i, n := range nodes {
			caddyfile = replaced(t, caddyfile, fmt.Sprintf("node%d:3000", i+1), n.Addr)
		}
		testbed.StartCaddy(t, caddyfile, f)
		_, body := f.Fetch(t, path)
		assert.Regexp(t, want(`[\w-]{11}`), body)
	})

	t.Run("Traefik", func(t *testing.T) { // whose Compose file has a test of its own
		f := testbed.TraefikPlugin.Serve(t, testbed.Site{Upstreams: testbed.Addresses(testbed.StartNodes(t, []string{"a", "b", "c"}))})[0]
		_, body := f.Fetch(t, path)
		assert.Regexp(t, want(`[\da-f]{16}`), body)
	})
}

// readmeBlock returns the block of the README that begins with these characters.
func readmeBlock(t *testing.T, language, kind, first string) string {
	t.Helper()
	blocks, err := docs.Blocks("..")
	require.NoError(t, err)
	for _, block := range blocks {
		if block.File == "README.md" && block.Language == language && block.Kind == kind && strings.HasPrefix(block.Text, first) {
			return block.Text
		}
	}
	require.Fail(t, "the README has no such block", "%s %s %s", language, kind, first)
	return ""
}
