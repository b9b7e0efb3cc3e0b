package caddy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
	"github.com/eio-affinity/affinity/internal/docs"
)

// The table of docs/operations.md has each metric as the collector describes it.
func TestMetricsAreInTheDocs(t *testing.T) {
	text, err := docs.Read("..", "docs/operations.md")
	require.NoError(t, err)
	table := "| metric | type | labels | meaning |\n|---|---|---|---|\n"
	for _, m := range metrics {
		valueType := "gauge"
		if m.valueType == prometheus.CounterValue {
			valueType = "counter"
		}
		labels := "–"
		if m.labels != nil {
			labels = "`" + strings.Join(m.labels, "`, `") + "`"
		}
		table += fmt.Sprintf("| `%s` | %s | %s | %s |\n", m.name, valueType, labels, m.help)
		for _, label := range m.labels {
			assert.Contains(t, text, fmt.Sprintf("\n| `%s` |", label))
		}
	}
	assert.Contains(t, text, table+"\n")
	for cause := range numUnbound {
		if cause != int(core.NotUnbound) {
			assert.Contains(t, text, fmt.Sprintf("\n| `%s` |", unboundName(cause)))
		}
	}
	for kind := range core.NumKinds {
		assert.Contains(t, text, fmt.Sprintf("`%s`", core.Kind(kind)))
	}
}
