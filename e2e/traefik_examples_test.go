package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The examples do what they are there for, with a port, nodes and a plugin
// that are to be had here.
func TestTraefikRunsTheExamples(t *testing.T) {
	for _, name := range []string{"dynamic.yml", "dynamic.toml"} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a", "b", "c"})
			dynamic := readExample(t, name)
			for i, n := range nodes {
				dynamic = replaced(t, dynamic, fmt.Sprintf("http://node-%d:3000", i+1), "http://"+n.addr)
			}
			home := traefikHome(t)
			path := filepath.Join(home, name)
			require.NoError(t, os.WriteFile(path, []byte(dynamic), 0o600))

			f := front{url: "http://" + freeAddress(t), tag: traefikPlugin.tag()}
			static := readExample(t, "static.yml")
			static = replaced(t, static, ":80", strings.TrimPrefix(f.url, "http://"))
			static = replaced(t, static, "/etc/traefik/dynamic.yml", path)
			static = replaced(t, static, "  plugins:\n", "  localPlugins:\n")
			static = regexp.MustCompile(` +version: .*\n`).ReplaceAllString(static, "")
			static += "\nglobal: {checkNewVersion: false, sendAnonymousUsage: false}\nlog: {level: DEBUG, format: json}\n"

			r := &runningTraefik{process: startTraefik(t, home, static)}
			r.requireRoutes(t, f, "/socket.io/")
			o := plain.crowdOf(f, []string{"polling", "websocket"}).run(t)
			o.assertHeld(t)
			o.assertSpread(t, nodes)
		})
	}
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "testdata", "traefik", "examples", name))
	require.NoError(t, err)
	return string(content)
}

func replaced(t *testing.T, text, from, to string) string {
	t.Helper()
	require.Contains(t, text, from)
	return strings.ReplaceAll(text, from, to)
}
