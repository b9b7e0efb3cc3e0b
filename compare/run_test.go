package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// A run of a system that needs nothing from Debian, and of a control: it shows that
// the scenarios tell them apart. It ends all that it starts, and writes nothing.
func TestAScenarioTellsSystemsApart(t *testing.T) {
	require.NoError(t, testbed.BuildCaddy())
	testbed.RequireNodeModules(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	before := read(t, resultsFile)

	var out strings.Builder
	err := run(t.Context(), options{
		systems: []string{"caddy-affinity", "caddy-least_conn", "socketio-sticky"}, scenarios: []string{"polling", "reload"}, atOnce: 3,
	}, &out)
	require.NoError(t, err, out.String())

	t.Log(out.String())
	for _, line := range []string{
		`caddy-affinity +polling +works`, `caddy-affinity +reload +0 of 30 lost`,
		`caddy-least_conn +polling +fails`, `caddy-least_conn +reload +fails before it`,
		`socketio-sticky +polling +works`, `socketio-sticky +reload +–`,
	} {
		assert.Regexp(t, line, out.String())
	}
	left, err := filepath.Glob(filepath.Join(temp, "*"))
	require.NoError(t, err)
	assert.Empty(t, left, "directories that are left")
	assert.Equal(t, before, read(t, resultsFile))
}
