package testbed

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// Prometheus is a running Prometheus.
type Prometheus struct {
	*Process
	Address string // host:port
}

// StartPrometheus runs Prometheus with a configuration file until the test ends,
// and returns once it is ready.
func StartPrometheus(t *testing.T, config string) *Prometheus {
	t.Helper()
	require.FileExists(t, Binary("prometheus"), "run make prometheus")
	p := &Prometheus{Address: FreeAddress(t)}
	p.Process = StartProcess(t, local.Options{Name: "prometheus", Supervise: true, Args: []string{
		Binary("prometheus"), "--config.file=" + config, "--storage.tsdb.path=" + t.TempDir(), "--web.listen-address=" + p.Address,
	}})
	RequireEventually(t, "Prometheus is ready", func() bool {
		p.RequireRunning(t)
		res, err := HTTPClient.Get("http://" + p.Address + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return p
}

// Sample is one result of a query.
type Sample struct {
	Labels map[string]string `json:"metric"`
	Value  [2]any            `json:"value"` // a time, and a number as a string
}

// Query returns what an expression is at this moment.
func (p *Prometheus) Query(t *testing.T, expression string) []Sample {
	t.Helper()
	var data struct{ Result []Sample }
	p.get(t, "/api/v1/query?query="+url.QueryEscape(expression), &data)
	return data.Result
}

// Alert is an alerting rule. Health is "ok" once it was evaluated.
type Alert struct{ Name, Query, Health, LastError string }

// Alerts returns all alerting rules.
func (p *Prometheus) Alerts(t *testing.T) []Alert {
	t.Helper()
	var data struct{ Groups []struct{ Rules []Alert } }
	p.get(t, "/api/v1/rules?type=alert", &data)
	var alerts []Alert
	for _, group := range data.Groups {
		alerts = append(alerts, group.Rules...)
	}
	return alerts
}

// get reads the data of a reply.
func (p *Prometheus) get(t *testing.T, path string, data any) {
	t.Helper()
	res, err := HTTPClient.Get("http://" + p.Address + path)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var reply struct {
		Status, Error string
		Data          json.RawMessage
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&reply))
	require.Equal(t, "success", reply.Status, "%s: %s", path, reply.Error)
	require.NoError(t, json.Unmarshal(reply.Data, data))
}

// Promtool runs promtool in a folder with this standard input, and checks that it finds nothing wrong.
func Promtool(t *testing.T, folder, input string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), Binary("promtool"), args...)
	command.Dir = folder
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	require.NoError(t, err, "promtool %v: %s (make prometheus unpacks it)", args, output)
}
