package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// monitoring returns the path of a file of examples/monitoring.
func monitoring(name string) string {
	return testbed.Path("examples", "monitoring", name)
}

func TestPromtoolAcceptsTheMonitoringExamples(t *testing.T) {
	t.Parallel()
	testbed.Promtool(t, monitoring(""), "", "check", "config", "prometheus.yml")
	testbed.Promtool(t, monitoring(""), "", "check", "rules", "alerts.yml")
	testbed.Promtool(t, monitoring(""), "", "test", "rules", "alerts_test.yml")
}

// Every metric, label and reason that the rules, their tests and the dashboard name
// is in what a real Prometheus has of a real Caddy after traffic, and the dashboard
// shows something in each panel.
func TestMonitoringExamplesNameWhatCaddyExposes(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	endpoints, block := testbed.CaddyShorthand.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	target := testbed.FreeAddress(t)
	caddy := testbed.StartCaddy(t, block+"http://"+target+" {\nmetrics\n}\n", endpoints...)
	testbed.Plain.Small().RunHeld(t, endpoints[0], []string{"polling"}, []string{"polling", "websocket"}, []string{"websocket"})

	status, text := caddy.AdminRequest(t, "GET", "/metrics", "", "")
	require.Equal(t, 200, status)
	var ours []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, "caddy_affinity_") {
			ours = append(ours, line)
		}
	}
	require.NotEmpty(t, ours)
	testbed.Promtool(t, "", strings.Join(ours, ""), "check", "metrics")

	prometheus := startMonitoring(t, target)
	dashboard := dashboardPanels(t)
	named := map[string]bool{}
	for _, file := range []string{"alerts.yml", "alerts_test.yml"} {
		addSelectors(named, readMonitoring(t, file))
	}
	addAlertLabels(t, named)
	for _, panel := range dashboard {
		for _, target := range panel.Targets {
			addSelectors(named, target.Expr)
		}
	}
	require.Greater(t, len(named), 30)
	for selector := range named {
		assert.NotEmpty(t, prometheus.Query(t, selector), "Caddy does not expose %s", selector)
	}
	for _, panel := range dashboard {
		for _, target := range panel.Targets {
			samples := prometheus.Query(t, target.Expr)
			assert.NotEmpty(t, samples, "panel %q shows nothing: %s", panel.Title, target.Expr)
			for _, label := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
				for _, sample := range samples {
					assert.NotEmpty(t, sample.Labels[label[1]], "panel %q: label %s", panel.Title, label[1])
				}
			}
		}
	}

	testbed.RequireEventually(t, "Prometheus has evaluated the alerts", func() bool {
		alerts := prometheus.Alerts(t)
		require.NotEmpty(t, alerts)
		for _, alert := range alerts {
			require.NotEqual(t, "err", alert.Health, "%s: %s", alert.Name, alert.LastError)
			if alert.Health != "ok" {
				return false
			}
		}
		return true
	})
	assert.Empty(t, prometheus.Query(t, `ALERTS{alertstate="firing"}`), "nothing is wrong")
}

// startMonitoring runs Prometheus with the example configuration, which scrapes a
// target every second, until it has scraped it three times.
func startMonitoring(t *testing.T, target string) *testbed.Prometheus {
	t.Helper()
	config := readMonitoring(t, "prometheus.yml")
	config = replaced(t, config, "- caddy1:9180", "- "+target)
	config = replaced(t, config, "          - caddy2:9180\n", "")
	config = replaced(t, config, "15s", "1s")
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "prometheus.yml"), []byte(config), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(home, "alerts.yml"), []byte(readMonitoring(t, "alerts.yml")), 0o600))
	prometheus := testbed.StartPrometheus(t, filepath.Join(home, "prometheus.yml"))
	testbed.RequireEventually(t, "Prometheus has scraped Caddy", func() bool {
		return len(prometheus.Query(t, "count_over_time(caddy_affinity_requests_waited_total[1m]) >= 3")) > 0
	})
	return prometheus
}

// readMonitoring returns the text of a file of examples/monitoring.
func readMonitoring(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(monitoring(name))
	require.NoError(t, err)
	return string(text)
}

// panel is a part of the dashboard.
type panel struct {
	Title      string
	Datasource struct{ UID string }
	Targets    []struct{ Expr, LegendFormat string }
}

// dashboardPanels returns the panels of the dashboard, with the variables replaced,
// and checks that it can be imported into any Grafana: each panel has an ID and a
// place of its own, and the data source that the user chooses.
func dashboardPanels(t *testing.T) []panel {
	t.Helper()
	text := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(readMonitoring(t, "dashboard.json"))
	var dashboard struct {
		UID, Title    string
		SchemaVersion int
		ID            any
		Templating    struct{ List []struct{ Name, Type string } }
		Panels        []struct {
			panel
			ID      int
			GridPos struct{ X, Y, W, H int }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &dashboard))
	assert.NotEmpty(t, dashboard.UID)
	assert.NotEmpty(t, dashboard.Title)
	assert.Positive(t, dashboard.SchemaVersion)
	assert.Nil(t, dashboard.ID, "Grafana gives it one")
	variables := map[string]string{}
	for _, variable := range dashboard.Templating.List {
		variables[variable.Name] = variable.Type
	}
	assert.Equal(t, map[string]string{"datasource": "datasource", "instance": "query"}, variables)

	var panels []panel
	ids, cells := map[int]bool{}, map[[2]int]bool{}
	for _, p := range dashboard.Panels {
		assert.False(t, ids[p.ID], "two panels with ID %d", p.ID)
		ids[p.ID] = true
		assert.LessOrEqual(t, p.GridPos.X+p.GridPos.W, 24, p.Title)
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				assert.False(t, cells[cell], "panel %q covers another", p.Title)
				cells[cell] = true
			}
		}
		assert.Equal(t, "${datasource}", p.Datasource.UID, p.Title)
		assert.NotEmpty(t, p.Targets, p.Title)
		panels = append(panels, p.panel)
	}
	return panels
}

var (
	metricSelector = regexp.MustCompile(`(caddy_affinity_\w+)(?:{([^}]*)})?`)
	labelMatcher   = regexp.MustCompile(`(\w+)=~?"([^"]*)"`)
)

// addSelectors adds the selectors of a text: one for each value of a label, as a
// regular expression may have several. The values of upstream and instance are
// examples.
func addSelectors(selectors map[string]bool, text string) {
	for _, match := range metricSelector.FindAllStringSubmatch(text, -1) {
		selectors[match[1]] = true
		for _, matcher := range labelMatcher.FindAllStringSubmatch(match[2], -1) {
			if matcher[1] == "upstream" || matcher[1] == "instance" {
				selectors[match[1]+"{"+matcher[1]+`!=""}`] = true
				continue
			}
			for value := range strings.SplitSeq(matcher[2], "|") {
				selectors[match[1]+"{"+matcher[1]+`="`+value+`"}`] = true
			}
		}
	}
}

// addAlertLabels adds a selector of each metric of an alert with each of the labels
// that the alert's text shows.
func addAlertLabels(t *testing.T, selectors map[string]bool) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Expr        string
				Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal([]byte(readMonitoring(t, "alerts.yml")), &file))
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			for _, text := range rule.Annotations {
				for _, label := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(text, -1) {
					for _, match := range metricSelector.FindAllStringSubmatch(rule.Expr, -1) {
						selectors[match[1]+"{"+label[1]+`!=""}`] = true
					}
				}
			}
		}
	}
}
