package caddy

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
)

// update rewrites the JSON of the cases: go test ./caddy -run Adapt -update.
var update = flag.Bool("update", false, "rewrite the JSON of the Caddyfile cases")

// caddyfileCases matches the cases: a Caddyfile, ten dashes, and the JSON that it
// adapts to, or a part of the error.
const caddyfileCases = "../testdata/caddyfile/*.caddyfiletest"

func TestAdapt(t *testing.T) {
	t.Setenv("AFFINITY_SECRET", "open sesame")
	files, err := filepath.Glob(caddyfileCases)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".caddyfiletest")
		t.Run(strings.ReplaceAll(name, "_", " "), func(t *testing.T) {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			input, want, found := strings.Cut(string(text), "----------\n")
			require.True(t, found, "%s has no line of ten dashes", file)

			got, err := adapt(input)
			if err == nil {
				err = validate(got)
			}
			if want != "" && !strings.HasPrefix(want, "{") {
				require.ErrorContains(t, err, strings.TrimSpace(want))
				return
			}
			require.NoError(t, err)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(input+"----------\n"+indent(t, got)), 0o600)) //nolint:gosec // the case itself
				return
			}
			assert.Equal(t, want, indent(t, got))
		})
	}
}

func TestSocketIOIsEquivalentToItsLongForm(t *testing.T) {
	short := `:8080 {
		socketio /socket.io/* node1:3000 node2:3000
	}`
	long := `:8080 {
		affinity /socket.io/*
		reverse_proxy /socket.io/* node1:3000 node2:3000 {
			lb_policy affinity
			lb_retries 3
			lb_retry_match {
				not path *
			}
			stream_close_delay 24h
			transport http {
				keepalive 2s
			}
		}
	}`
	fromShort, err := adapt(short)
	require.NoError(t, err)
	fromLong, err := adapt(long)
	require.NoError(t, err)
	assert.Equal(t, indent(t, fromLong), indent(t, fromShort))
}

func TestInvalidJSONIsRejected(t *testing.T) {
	cases := []struct{ name, handler, policy, want string }{
		{"an unknown sid mode", `{"handler":"affinity","sid":"on"}`, `{"policy":"affinity"}`, `unknown sid mode "on"`},
		{"an unknown field of the handler", `{"handler":"affinity","tag":true}`, `{"policy":"affinity"}`, `unknown field "tag"`},
		{"an unknown field of the policy", `{"handler":"affinity"}`, `{"policy":"affinity","key":"x"}`, `unknown field "key"`},
		{"affinity as its own fallback", `{"handler":"affinity"}`, `{"policy":"affinity","fallback":{"policy":"affinity"}}`, "affinity cannot be its own fallback"},
		{"an unknown fallback", `{"handler":"affinity"}`, `{"policy":"affinity","fallback":{"policy":"nope"}}`, "nope"},
		{"a negative cool_down", `{"handler":"affinity"}`, `{"policy":"affinity","cool_down":-1000000000}`, "cool_down -1s"},
		{"mode prefix without a cookie name", `{"handler":"affinity"}`, `{"policy":"affinity","cookie":{"mode":"prefix"}}`, "cookie mode prefix"},
		{"an invalid cookie name", `{"handler":"affinity"}`, `{"policy":"affinity","cookie":{"name":"a;b"}}`, `cookie "a;b"`},
		{"a partitioned cookie that is not secure", `{"handler":"affinity"}`, `{"policy":"affinity","cookie":{"partitioned":true}}`, "cookie partitioned"},
		{"a negative max_age", `{"handler":"affinity"}`, `{"policy":"affinity","cookie":{"max_age":-1000000000}}`, "cookie max_age -1s"},
		{"a secret from an unset variable", `{"handler":"affinity"}`, `{"policy":"affinity","secret":"{env.AFFINITY_SECRET_THAT_IS_NOT_SET}"}`, "replacing placeholders in secret"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			err := validate([]byte(`{"apps":{"http":{"servers":{"srv0":{"listen":[":8080"],"routes":[{"handle":[` + tc.handler +
				`,{"handler":"reverse_proxy","upstreams":[{"dial":"node1:3000"}],"load_balancing":{"selection_policy":` + tc.policy + `}}]}]}}}}}`))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestInvalidJSONOfTheAppIsRejected(t *testing.T) {
	for app, want := range map[string]string{
		`{"max_sessions":0}`:       "max_sessions 0: must be at least 1",
		`{"handover":-1000000000}`: "handover -1s: must not be negative",
		`{"drain":[]}`:             `unknown field "drain"`,
	} {
		require.ErrorContains(t, validate([]byte(`{"apps":{"affinity":`+app+`}}`)), want)
	}
}

func TestCaddyfileExample(t *testing.T) {
	t.Setenv("AFFINITY_SECRET", "open sesame")
	example, err := os.ReadFile("../Caddyfile.example")
	require.NoError(t, err)
	config, err := adapt(string(example))
	require.NoError(t, err)
	require.NoError(t, validate(config))
	assert.Equal(t, string(caddyfile.Format(example)), string(example), "Caddyfile.example is not formatted as by caddy fmt")
}

// adapt adapts a Caddyfile to JSON.
func adapt(input string) ([]byte, error) {
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	return config, err
}

// validate provisions and validates a config without starting it. That starts
// health checks, so it replaces the upstreams of the cases with a loopback address
// that refuses connections.
func validate(config []byte) error {
	config = regexp.MustCompile(`"node\d:3000"`).ReplaceAll(config, []byte(`"127.0.0.1:1"`))
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
		return err
	}
	return caddy.Validate(&cfg)
}

// indent formats JSON.
func indent(t *testing.T, config []byte) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, json.Indent(&out, config, "", "\t"))
	out.WriteByte('\n')
	return out.String()
}
