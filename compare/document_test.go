package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// Nobody edits the document: it is what the program writes from the results of its last
// run.
func TestTheDocumentIsWhatTheProgramWrites(t *testing.T) {
	r, err := readResults()
	require.NoError(t, err)
	text, err := r.document()
	require.NoError(t, err)
	assert.Equal(t, read(t, documentFile), text, "%s: run make compare, or bin/compare -render", documentFile)
	assert.Equal(t, read(t, pictureFile), r.picture(), "%s: run make compare, or bin/compare -render", pictureFile)
}

func TestTheResultsHaveEverySystemAndScenario(t *testing.T) {
	r, err := readResults()
	require.NoError(t, err)
	var systems, rows []string
	for _, s := range peers.All() {
		systems = append(systems, s.Name)
		assert.Contains(t, r.Versions, s.Program, "the version of %s", s.Name)
	}
	for _, row := range scenarios() {
		rows = append(rows, row.name)
	}
	assert.ElementsMatch(t, systems, slices.Collect(maps.Keys(r.Cells)))
	for system, cells := range r.Cells {
		assert.ElementsMatch(t, rows, slices.Collect(maps.Keys(cells)), system)
		for row, o := range cells {
			assert.Contains(t, []verdict{works, partly, fails, impossible, notRun}, o.Verdict, "%s, %s", system, row)
			assert.NotEmpty(t, o.Text, "%s, %s", system, row)
		}
	}
}

func TestNamesOnTheCommandLineAreChecked(t *testing.T) {
	name := func(s string) string { return s }
	chosen, err := choose("SYSTEMS", []string{"a", "b"}, name, split("b, a"))
	require.NoError(t, err)
	assert.Equal(t, []string{"b", "a"}, chosen)
	chosen, err = choose("SYSTEMS", []string{"a", "b"}, name, split(""))
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, chosen)
	_, err = choose("SYSTEMS", []string{"a", "b"}, name, split("a,c"))
	require.ErrorIs(t, err, errNames)
	assert.ErrorContains(t, err, `in SYSTEMS: "c". There are: a, b`)
}

func read(t *testing.T, file string) string {
	t.Helper()
	root, err := local.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	return string(text)
}
