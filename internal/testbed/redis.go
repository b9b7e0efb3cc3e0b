package testbed

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// StartRedis runs a Redis without persistence until the test ends, and returns
// its URL once it answers.
func StartRedis(t *testing.T) string {
	t.Helper()
	p, url, err := local.StartRedis(t.Context(), t.TempDir(), Timeout)
	require.NoError(t, err)
	endWithTest(t, p)
	return url
}
