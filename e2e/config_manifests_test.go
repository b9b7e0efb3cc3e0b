package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// What the examples give to Kubernetes and to Docker Compose is valid for the code
// with which these read it.
func TestManifestsAreValid(t *testing.T) {
	t.Parallel()
	for _, args := range manifests(t) {
		t.Run(args[1], func(t *testing.T) {
			text, ok := validate(t, args)
			assert.True(t, ok, text)
		})
	}
}

// manifests returns the arguments of the validator for each file.
func manifests(t *testing.T) [][]string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/traefik/traefik/v3")
	command.Dir = testbed.Path("testdata", "traefik")
	traefik := strings.TrimSpace(requireRuns(t, command))
	return [][]string{
		{"kubernetes", "caddy/kubernetes.yml"},
		{"kubernetes", "traefik/kubernetes.yml", filepath.Join(traefik, "integration", "fixtures", "k8s", "01-traefik-crd.yml")},
		{"compose", "caddy/compose.yml"},
		{"compose", "traefik/compose.yml"},
	}
}

// validate runs the validator with a file of the examples.
func validate(t *testing.T, args []string) (text string, ok bool) {
	t.Helper()
	args = append([]string{args[0], testbed.Path("examples", filepath.FromSlash(args[1]))}, args[2:]...)
	return runValidator(t, args...)
}

func runValidator(t *testing.T, args ...string) (text string, ok bool) {
	t.Helper()
	command := exec.CommandContext(t.Context(), testbed.Binary("validator"), args...)
	command.Env = append(os.Environ(), "AFFINITY_SECRET=sesame")
	out, err := command.CombinedOutput()
	if err != nil {
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, "there is no bin/validator: run make validator")
	}
	return string(out), err == nil
}

// The validator finds mistakes, of which each is in one line of a file.
func TestManifestsWithMistakesAreRefused(t *testing.T) {
	t.Parallel()
	all := manifests(t)
	for _, tc := range []struct {
		name         string
		manifest     []string
		right, wrong string
		want         string // a part of the message
	}{
		{"a misspelt field", all[0], "readinessProbe:", "readynessProbe:", `unknown field "spec.template.spec.containers[0].readynessProbe"`},
		{"a number that is not one", all[0], "seconds: 35", "seconds: half a minute", "cannot unmarshal string"},
		{"a grace period that is shorter than preStop", all[0], "terminationGracePeriodSeconds: 660", "terminationGracePeriodSeconds: 30", "spec.template.spec.containers[0].lifecycle.preStop.sleep"},
		{"a selector of other pods", all[0], "matchLabels:\n      app: chat\n  strategy", "matchLabels:\n      app: chats\n  strategy", "`selector` does not match template `labels`"},
		{"a volume that is not there", all[0], "volumeMounts:\n            - name: config", "volumeMounts:\n            - name: configs", "Not found"},
		{"a misspelt field of Traefik's", all[1], "serversTransport: chat", "serverTransport: chat", "unknown field spec.routes[0].services[0].serverTransport"},
		{"a value of another type, of Traefik's", all[1], "attempts: 10", "attempts: many", "spec.retry.attempts"},
		{"a misspelt key of Compose", all[2], "stop_grace_period: 40s", "stop_graceperiod: 40s", "stop_graceperiod"},
		{"a volume of Compose that is not there", all[2], "- caddy-data:/data", "- caddy:/data", "undefined volume"},
		{"a service of Compose that is not there", all[3], "condition: service_healthy", "condition: service_well", "condition"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			content := readExample(t, tc.manifest[1])
			require.Contains(t, content, tc.right)
			path := filepath.Join(t.TempDir(), "mistake.yml")
			require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(content, tc.right, tc.wrong)), 0o600))
			text, ok := runValidator(t, append([]string{tc.manifest[0], path}, tc.manifest[2:]...)...)
			assert.False(t, ok)
			assert.Contains(t, text, tc.want)
		})
	}
}

// systemd accepts the unit, which needs the program that it starts to be there, and
// gives Caddy the variables and the time that its Caddyfile asks for.
func TestSystemdUnitIsValid(t *testing.T) {
	t.Parallel()
	const program = "/usr/local/bin/caddy"
	unit := readExample(t, "caddy/caddy.service")
	path := filepath.Join(t.TempDir(), "caddy.service")
	require.NoError(t, os.WriteFile(path, []byte(replaced(t, unit, program, testbed.Binary("caddy"))), 0o600))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", path).CombinedOutput()
	require.NoError(t, err, "%s", out)
	assert.Empty(t, string(out))

	caddyfile, variables := readExample(t, "caddy/Caddyfile"), readExample(t, "caddy/caddy.env")
	for _, used := range regexp.MustCompile(`\{env\.(\w+)\}`).FindAllStringSubmatch(caddyfile, -1) {
		assert.Contains(t, variables, "\n"+used[1]+"=")
	}
	grace := durationIn(t, caddyfile, `grace_period (\w+)`)
	assert.Greater(t, durationIn(t, unit, `TimeoutStopSec=(\w+)`), grace)
	assert.Greater(t, durationIn(t, readExample(t, "caddy/compose.yml"), `stop_grace_period: (\w+)`), grace)
}

// The example's node has the dependencies that the tests run it with.
func TestExampleNodeHasTheTestedVersions(t *testing.T) {
	t.Parallel()
	dependencies := func(path ...string) map[string]string {
		content, err := os.ReadFile(testbed.Path(path...))
		require.NoError(t, err)
		var manifest struct{ Dependencies map[string]string }
		require.NoError(t, json.Unmarshal(content, &manifest))
		require.NotEmpty(t, manifest.Dependencies)
		return manifest.Dependencies
	}
	assert.Subset(t, dependencies("testdata", "socketio", "package.json"), dependencies("examples", "node", "package.json"))
}

// durationIn returns the first duration in a text that matches a pattern.
func durationIn(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(t, match, pattern)
	d, err := time.ParseDuration(match[1])
	require.NoError(t, err)
	return d
}
