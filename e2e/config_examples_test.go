package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/traefik/paerser/parser"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// The examples hold sessions, with a port and nodes that are to be had here.
func TestTraefikRunsTheExamples(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dynamic.yml", "dynamic.toml"} {
		t.Run(name, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
			dynamic := readExample(t, "traefik/"+name)
			for i, n := range nodes {
				dynamic = replaced(t, dynamic, fmt.Sprintf("http://node%d:3000", i+1), "http://"+n.Addr)
			}
			home := testbed.TraefikHome(t)
			path := filepath.Join(home, name)
			require.NoError(t, os.WriteFile(path, []byte(dynamic), 0o600))

			f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t), TagPattern: testbed.TraefikPlugin.Tag()}
			static := readExample(t, "traefik/static.yml")
			static = replaced(t, static, ":80", strings.TrimPrefix(f.URL, "http://"))
			static = replaced(t, static, "/etc/traefik/dynamic.yml", path)
			config := object{}
			require.NoError(t, yaml.Unmarshal([]byte(static), &config))
			assertExampleHolds(t, home, config, f, nodes)
		})
	}
}

// What the Compose file says in flags and labels does the same, as Docker itself
// is not to be had here: the flags as static configuration, and the labels as the
// file that Traefik makes of them.
func TestTraefikRunsTheComposeFile(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	var compose struct {
		Services map[string]struct{ Command, Labels []string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(readExample(t, "traefik/compose.yml")), &compose))

	f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t), TagPattern: testbed.TraefikPlugin.Tag()}
	static := object{}
	for _, flag := range compose.Services["traefik"].Command {
		option, value, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		put(static, option, value)
	}
	delete(static, "providers")
	put(static, "entryPoints.web.address", strings.TrimPrefix(f.URL, "http://"))

	labels := map[string]string{}
	for _, label := range compose.Services["chat"].Labels {
		name, value, _ := strings.Cut(label, "=")
		labels[name] = value
	}
	delete(labels, "traefik.enable")
	const port = "traefik.http.services.chat.loadBalancer.server.port"
	require.Equal(t, "3000", labels[port])
	delete(labels, port)
	home := testbed.TraefikHome(t)
	path := filepath.Join(home, "labels.yml")
	put(static, "providers.file.filename", path)
	dynamic := asFile(t, labels)
	put(dynamic, "http.routers.chat.service", "chat")
	put(dynamic, "http.services.chat.loadBalancer.servers", servers(nodes))
	require.NoError(t, traefikconfig.Write(path, dynamic))

	assertExampleHolds(t, home, static, f, nodes)
}

// assertExampleHolds runs Traefik with a static configuration and checks that it
// holds sessions over polling and WebSocket.
func assertExampleHolds(t *testing.T, home string, config object, f testbed.Endpoint, nodes []*testbed.Node) {
	t.Helper()
	config["global"] = object{"checkNewVersion": false, "sendAnonymousUsage": false}
	config["log"] = object{"level": "DEBUG", "format": "json"}

	path := filepath.Join(home, "static.yml")
	require.NoError(t, traefikconfig.Write(path, config))
	r := &testbed.RunningTraefik{Process: testbed.StartTraefik(t, home, path)}
	r.RequireRoutes(t, f, "/socket.io/")
	testbed.Plain.Small().RunHeld(t, f, []string{"polling", "websocket"}).AssertBalanced(t, nodes)
}

// put sets an option of a configuration, whose name has dots.
func put(config object, option string, value any) {
	path := strings.Split(option, ".")
	for _, key := range path[:len(path)-1] {
		if config[key] == nil {
			config[key] = object{}
		}
		config = config[key].(object)
	}
	config[path[len(path)-1]] = value
}

// asFile makes of labels what a file would say.
func asFile(t *testing.T, labels map[string]string) object {
	t.Helper()
	tree, err := parser.DecodeToNode(labels, parser.DefaultRootName, "traefik.http")
	require.NoError(t, err)
	config := object{}
	var add func(prefix string, n *parser.Node)
	add = func(prefix string, n *parser.Node) {
		if len(n.Children) == 0 {
			var value any = n.Value
			if n.Name == "middlewares" {
				value = strings.Split(n.Value, ",")
			}
			put(config, prefix, value)
		}
		for _, child := range n.Children {
			add(strings.TrimPrefix(prefix+"."+child.Name, "."), child)
		}
	}
	add("", tree)
	return config
}

func servers(nodes []*testbed.Node) []object {
	all := make([]object, len(nodes))
	for i, n := range nodes {
		all[i] = object{"url": "http://" + n.Addr}
	}
	return all
}

// readExample returns the text of a file of the examples.
func readExample(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(testbed.Path("examples", filepath.FromSlash(path)))
	require.NoError(t, err)
	return string(content)
}

func replaced(t *testing.T, text, from, to string) string {
	t.Helper()
	require.Contains(t, text, from)
	return strings.ReplaceAll(text, from, to)
}
