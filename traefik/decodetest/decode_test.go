package decodetest

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/mitchellh/mapstructure"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/traefik/paerser/file"
	"github.com/traefik/paerser/parser"

	"github.com/eio-affinity/affinity/traefik"
)

// fromFile decodes the content of a file, as Traefik's file provider does.
func fromFile(t *testing.T, extension, content string) *configuration {
	t.Helper()
	var c configuration
	require.NoError(t, file.DecodeContent(content, extension, &c))
	return &c
}

// fromLabels decodes labels, as Traefik's Docker provider does among others.
func fromLabels(t *testing.T, labels map[string]string) *configuration {
	t.Helper()
	var c configuration
	require.NoError(t, parser.Decode(labels, &c, parser.DefaultRootName, "traefik.http"))
	return &c
}

// fromResource decodes the spec.plugin of a Middleware, as Traefik's Kubernetes
// provider does: it comes as JSON from there.
func fromResource(t *testing.T, spec any) plugins {
	t.Helper()
	text, err := json.Marshal(spec)
	require.NoError(t, err)
	var p plugins
	require.NoError(t, json.Unmarshal(text, &p))
	return p
}

// plugins returns the plugins of the middleware that the name belongs to.
func (c *configuration) plugins(t *testing.T, name string) plugins {
	t.Helper()
	require.NotNil(t, c.HTTP)
	require.Contains(t, c.HTTP.Middlewares, name)
	return c.HTTP.Middlewares[name].Plugin
}

// config decodes the options of the plugin "affinity", the only one, as Traefik
// does for a plugin in its interpreter, and has New try them.
func (p plugins) config(t *testing.T) (*traefik.Config, error) {
	t.Helper()
	require.Len(t, p, 1)
	require.Contains(t, p, "affinity")
	config := traefik.CreateConfig()
	if len(p["affinity"]) > 0 {
		decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
			DecodeHook:       mapstructure.StringToSliceHookFunc(","),
			WeaklyTypedInput: true,
			Result:           config,
		})
		require.NoError(t, err)
		if err := decoder.Decode(map[string]any(p["affinity"])); err != nil {
			return nil, err
		}
	}
	_, err := traefik.New(context.Background(), http.NotFoundHandler(), config, "io@test")
	return config, err
}

const prefix = "traefik.http.middlewares.io.plugin.affinity."

// decoded is what a configuration must become.
type decoded struct {
	name   string
	from   string            // the options, as lines of a file
	labels map[string]string // the options, by what stands behind the prefix
	want   traefik.Config
	err    string // a part of it
}

func (d decoded) assert(t *testing.T, p plugins) {
	t.Helper()
	config, err := p.config(t)
	if d.err != "" {
		assert.ErrorContains(t, err, d.err)
		return
	}
	require.NoError(t, err)
	assert.Equal(t, d.want, *config)
}

var (
	plain   = traefik.Config{CookieNames: []string{"server_id"}, SID: "auto", MaxSessions: 1_000_000}
	nested  = traefik.Config{CookieNames: []string{"group_id", "server_id"}, SID: "auto", MaxSessions: 1_000_000}
	spaced  = traefik.Config{CookieNames: []string{"group_id", " server_id"}, SID: "auto", MaxSessions: 1_000_000} // New takes the space off
	exposed = traefik.Config{CookieNames: []string{"server_id"}, SID: "tag", MaxSessions: 1_000_000, ExposeCookie: true}
	off     = traefik.Config{CookieNames: []string{"server_id"}, SID: "off", MaxSessions: 1_000_000}
)

func TestLabels(t *testing.T) {
	cases := []decoded{
		{name: "one name", labels: map[string]string{"cookieNames": "server_id"}, want: plain},
		{name: "names by comma", labels: map[string]string{"cookieNames": "group_id,server_id"}, want: nested},
		{name: "names by index", labels: map[string]string{"cookieNames[0]": "group_id", "cookieNames[1]": "server_id"}, want: nested},
		{name: "one name by index", labels: map[string]string{"cookieNames[0]": "server_id"}, want: plain},
		{name: "every option", labels: map[string]string{"cookieNames": "server_id", "sid": "tag", "exposeCookie": "true"}, want: exposed},
		{name: "sid off", labels: map[string]string{"cookieNames": "server_id", "sid": "off"}, want: off},
		{name: "exposeCookie false", labels: map[string]string{"cookieNames": "server_id", "exposeCookie": "false"}, want: plain},
		{name: "in lower case", labels: map[string]string{"cookienames": "server_id", "sid": "tag", "exposecookie": "1"}, want: exposed},
		{name: "a space behind the comma", labels: map[string]string{"cookieNames": "group_id, server_id"}, want: spaced},
		{name: "no names", labels: map[string]string{"sid": "tag"}, err: "cookieNames is empty"},
		{name: "a misspelt option", labels: map[string]string{"cookieName": "server_id"}, err: "unknown option cookieName:"},
		{
			name:   "misspelt options beside the right ones",
			labels: map[string]string{"cookieNames": "server_id", "exposeCookies": "true", "mode": "tag"}, err: "unknown option exposeCookies, mode:",
		},
		{name: "an option of an option", labels: map[string]string{"cookieNames": "server_id", "cookie.name": "server_id"}, err: "unknown option cookie:"},
		{name: "an option named as what has them", labels: map[string]string{"cookieNames": "server_id", "unknown": "1"}, err: "unknown option unknown:"},
		{name: "a bad sid", labels: map[string]string{"cookieNames": "server_id", "sid": "sticky"}, err: `unknown sid mode "sticky"`},
		{name: "a bad exposeCookie", labels: map[string]string{"cookieNames": "server_id", "exposeCookie": "yes"}, err: "ExposeCookie"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			labels := map[string]string{}
			for option, value := range tc.labels {
				labels[prefix+option] = value
			}
			tc.assert(t, fromLabels(t, labels).plugins(t, "io"))
		})
	}
}

func TestYAML(t *testing.T) {
	cases := []decoded{
		{name: "names in lines", from: "cookieNames:\n          - group_id\n          - server_id", want: nested},
		{name: "names in brackets", from: "cookieNames: [server_id]", want: plain},
		{name: "one name", from: "cookieNames: server_id", want: plain},
		{name: "names by comma", from: "cookieNames: group_id,server_id", want: nested},
		{name: "every option", from: "{cookieNames: [server_id], sid: tag, exposeCookie: true}", want: exposed},
		{name: "every option in quotes", from: `{cookieNames: ["server_id"], sid: "tag", exposeCookie: "true"}`, want: exposed},
		{name: "sid off", from: "{cookieNames: [server_id], sid: off}", want: off},
		{name: "exposeCookie false", from: "{cookieNames: [server_id], exposeCookie: false}", want: plain},
		{name: "no names", from: "cookieNames: []", err: "cookieNames is empty"},
		{name: "nothing", from: "{}", err: "cookieNames is empty"},
		{name: "a misspelt option", from: "{cookieNames: [server_id], exposecookies: true}", err: "unknown option exposecookies:"},
		{name: "a bad name", from: `cookieNames: ["server id"]`, err: `cookieNames has "server id"`},
		{name: "a number for a sid", from: "{cookieNames: [server_id], sid: 4}", err: `unknown sid mode "4"`},
		{name: "a list for exposeCookie", from: "{cookieNames: [server_id], exposeCookie: [yes, no]}", err: "ExposeCookie"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			content := "http:\n  middlewares:\n    io:\n      plugin:\n        affinity:\n          " + tc.from + "\n"
			tc.assert(t, fromFile(t, ".yml", content).plugins(t, "io"))
		})
	}
}

func TestTOML(t *testing.T) {
	cases := []decoded{
		{name: "names", from: `cookieNames = ["group_id", "server_id"]`, want: nested},
		{name: "one name", from: `cookieNames = "server_id"`, want: plain},
		{name: "every option", from: "cookieNames = [\"server_id\"]\nsid = \"tag\"\nexposeCookie = true", want: exposed},
		{name: "sid off", from: "cookieNames = [\"server_id\"]\nsid = \"off\"", want: off},
		{name: "no names", from: `cookieNames = []`, err: "cookieNames is empty"},
		{name: "a misspelt option", from: "cookieNames = [\"server_id\"]\ncookieName = \"a\"", err: "unknown option cookieName:"},
		{name: "a table for sid", from: "cookieNames = [\"server_id\"]\n[http.middlewares.io.plugin.affinity.sid]\nmode = \"tag\"", err: "SID"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			content := "[http.middlewares.io.plugin.affinity]\n" + tc.from + "\n"
			tc.assert(t, fromFile(t, ".toml", content).plugins(t, "io"))
		})
	}
}

func TestResources(t *testing.T) {
	names := []string{"server_id"}
	cases := []struct {
		name    string
		options any
		want    decoded
	}{
		{"every option", map[string]any{"cookieNames": names, "sid": "tag", "exposeCookie": true}, decoded{want: exposed}},
		{"one name", map[string]any{"cookieNames": "server_id"}, decoded{want: plain}},
		{"a bare off", map[string]any{"cookieNames": names, "sid": false}, decoded{err: `unknown sid mode "0"`}},
		{"a misspelt option", map[string]any{"cookienames": names, "sids": "tag"}, decoded{err: "unknown option sids:"}},
		{"nothing", nil, decoded{err: "cookieNames is empty"}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			tc.want.assert(t, fromResource(t, map[string]any{"affinity": tc.options}))
		})
	}
}
