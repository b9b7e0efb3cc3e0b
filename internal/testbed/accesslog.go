package testbed

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// LinesWith returns the complete lines of an access log that contain a part.
func LinesWith(t *testing.T, path, part string) []string {
	t.Helper()
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(log)) {
		if strings.HasSuffix(line, "\n") && strings.Contains(line, part) {
			lines = append(lines, line)
		}
	}
	return lines
}
