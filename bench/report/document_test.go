package report_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/bench/report"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// The document and the plot are what the program writes from the results that it
// measured last.
func TestTheDocumentIsThatOfTheResults(t *testing.T) {
	root, err := local.Root()
	require.NoError(t, err)
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		return string(text)
	}
	results, err := report.Load()
	require.NoError(t, err)
	document, err := results.Document()
	require.NoError(t, err)
	assert.Equal(t, document, read(report.Document))
	assert.Equal(t, results.Plot(), read(report.Plot))
	readme, err := results.WithHeadline(read(report.Readme))
	require.NoError(t, err)
	assert.Equal(t, readme, read(report.Readme))
}
