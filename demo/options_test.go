package main

import (
	"flag"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

func parse(t *testing.T, args ...string) *values {
	t.Helper()
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	v := define(flags)
	require.NoError(t, flags.Parse(args))
	return v
}

func TestOptionsOfTheCommandLine(t *testing.T) {
	for _, test := range []struct {
		name string
		args []string
		want options
	}{
		{"by default, three nodes and one proxy", nil, options{caddy: "bin/caddy", port: 8080, nodes: 3, proxies: 1}},
		{"a cluster", []string{"-nodes", "5", "-proxies", "2", "-redis", "1"}, options{caddy: "bin/caddy", port: 8080, nodes: 5, proxies: 2, redis: true}},
		{"the defaults of make", []string{"-nodes", "3", "-proxies", "1", "-redis", "0"}, options{caddy: "bin/caddy", port: 8080, nodes: 3, proxies: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, err := parse(t, test.args...).options()
			require.NoError(t, err)
			assert.Equal(t, test.want, o)
		})
	}
}

func TestBadValuesAreRefused(t *testing.T) {
	for _, test := range []struct {
		flag, value, want string
	}{
		{"-nodes", "0", `NODES is a whole number from 1 to 6, not "0"`},
		{"-nodes", "7", `NODES is a whole number from 1 to 6, not "7"`},
		{"-nodes", "five", `NODES is a whole number from 1 to 6, not "five"`},
		{"-nodes", "", `NODES is a whole number from 1 to 6, not ""`},
		{"-proxies", "0", `PROXIES is a whole number from 1 to 4, not "0"`},
		{"-proxies", "1.5", `PROXIES is a whole number from 1 to 4, not "1.5"`},
		{"-redis", "yes", `REDIS is 0 or 1, not "yes"`},
		{"-redis", "2", `REDIS is 0 or 1, not "2"`},
	} {
		t.Run(test.flag+" "+test.value, func(t *testing.T) {
			require.EqualError(t, run(t.Context(), parse(t, test.flag, test.value), io.Discard), test.want)
		})
	}
}

func TestRedisThatIsNotInstalledIsNamed(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("PATH", temp)
	err := run(t.Context(), parse(t, "-redis", "1", "-port", "0"), io.Discard)
	require.ErrorIs(t, err, local.ErrNoRedis)
	require.ErrorContains(t, err, "REDIS=1")
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	assert.Empty(t, left, "the temporary directory")
}
