package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A run of a few systems and scenarios tells apart what holds sessions and what does
// not, ends all that it has started, and writes nothing.
func TestAScenarioTellsSystemsApart(t *testing.T) {
	require.NoError(t, testbed.BuildCaddy())
	testbed.RequireNodeModules(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := read(t, resultsFile)

	var out strings.Builder
	err := run(t.Context(), options{
		systems:   []string{"caddy-affinity", "caddy-least_conn", "haproxy", "nginx-hash", "nginx-sticky"},
		scenarios: []string{"polling", "polling-cookies", "return"},
		atOnce:    4,
	}, &out)
	require.NoError(t, err, out.String())

	t.Log(out.String())
	for _, line := range []string{
		`caddy-affinity +polling +works`, `caddy-affinity +return +\d+ of 30; 30 of 30`,
		`caddy-least_conn +polling +fails`, `caddy-least_conn +polling-cookies +fails`,
		`haproxy +polling +fails, 12 of 12`, `haproxy +polling-cookies +works`, `haproxy +return +30 of 30`,
		`nginx-sticky +polling +(works|– .*refuses the configuration: .unknown directive "sticky")`,
		`nginx-hash +polling +works`, `nginx-hash +return +30 of 30`,
	} {
		assert.Regexp(t, line, out.String())
	}
	left, err := filepath.Glob(filepath.Join(temp, "*"))
	require.NoError(t, err)
	assert.Empty(t, left, "directories that are left")
	assert.Equal(t, before, read(t, resultsFile))
}
