package handover_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	_ "github.com/eio-affinity/affinity/caddy"
	"github.com/eio-affinity/affinity/caddy/handover"
)

// listensOn provisions an http app and returns the addresses of its server a.
func listensOn(t *testing.T, app string, options ...string) ([]string, error) {
	t.Helper()
	apps := caddy.ModuleMap{"http": json.RawMessage(app)}
	for _, option := range options {
		apps["affinity"] = json.RawMessage(option)
	}
	ctx, err := caddy.ProvisionContext(&caddy.Config{
		Admin:   &caddy.AdminConfig{Disabled: true},
		AppsRaw: apps,
	})
	if err != nil {
		return nil, err
	}
	loaded, err := ctx.App("http")
	require.NoError(t, err)
	return loaded.(*caddyhttp.App).Servers["a"].Listen, nil
}

func TestJoinRewritesAddresses(t *testing.T) {
	t.Setenv("AFFINITY_TEST_PORT", "8080")
	const handler = `"routes":[{"handle":[{"handler":"affinity","sid":"tag"}]},{"handle":[{"handler":"affinity","sid":"tag"}]}]`
	for _, tc := range []struct {
		name, app string
		want      []string
		err       string
	}{
		{
			"TCP addresses",
			`{"servers":{"a":{"listen":[":8080","tcp/127.0.0.1:8081-8083","tcp4/:8084","tcp6/[::1]:8085","127.0.0.1:{env.AFFINITY_TEST_PORT}"],` + handler + `}}}`,
			[]string{"affinity-tcp/:8080", "affinity-tcp/127.0.0.1:8081-8083", "affinity-tcp4/:8084", "affinity-tcp6/[::1]:8085", "affinity-tcp/127.0.0.1:8080"},
			"",
		},
		{"no other addresses", `{"servers":{"a":{"listen":["unix//run/a.sock","fd/3",":0"],` + handler + `}}}`, []string{"unix//run/a.sock", "fd/3", ":0"}, ""},
		{"not those of a server without the handler", `{"servers":{"a":{"listen":[":8080"]},"b":{"listen":[":8081"],` + handler + `}}}`, []string{":8080"}, ""},
		{"not with a shutdown delay", `{"shutdown_delay":"1s","servers":{"a":{"listen":[":8080"],` + handler + `}}}`, []string{":8080"}, ""},
		{"not an address that two servers have", `{"servers":{"a":{"listen":[":8080"],` + handler + `},"b":{"listen":[":8079-8081"]}}}`, nil, "listener address repeated: tcp/:8080"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := listensOn(t, tc.app)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.want, got)
		})
	}
}

func TestHandoverOffRewritesNoAddresses(t *testing.T) {
	got, err := listensOn(t, `{"servers":{"a":{"listen":[":8080"],"routes":[{"handle":[{"handler":"affinity"}]}]}}}`, `{"handover":0}`)
	require.NoError(t, err)
	assert.Equal(t, []string{":8080"}, got)
}

// Caddy provisions servers in random order.
func TestAnAddressOfTwoServersIsAlwaysRejected(t *testing.T) {
	t.Setenv("AFFINITY_TEST_PORT", "8080")
	const handler = `"routes":[{"handle":[{"handler":"affinity"}]}]`
	for _, others := range []string{
		`"b":{"listen":[":{env.AFFINITY_TEST_PORT}"]}`,
		`"b":{"listen":[":{env.AFFINITY_TEST_PORT}"],` + handler + `}`,
		`"b":{"listen":[":8079-8081"],` + handler + `}`,
	} {
		for range 30 {
			_, err := listensOn(t, `{"servers":{"a":{"listen":[":8080"],`+handler+`},`+others+`}}`)
			require.ErrorContains(t, err, "listener address repeated: tcp/:8080", others)
		}
	}
}

func TestConfiguredAddress(t *testing.T) {
	for address, want := range map[string]string{
		"affinity-tcp/:443":          ":443",
		"affinity-tcp4/1.2.3.4:80":   "tcp4/1.2.3.4:80",
		":8080":                      ":8080",
		"unix//run/caddy/affinity-1": "unix//run/caddy/affinity-1",
	} {
		assert.Equal(t, want, handover.ConfiguredAddress(address))
	}
}
