package e2e

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gopkg.in/yaml.v3"

	"github.com/eio-affinity/affinity/internal/docs"
	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

const migrationGuide = "docs/migrate.md"

// TestMigrationKeepsOldSessions moves as docs/migrate.md says, with its blocks:
// sessions that were opened through the old proxy go on while requests are
// divided, and new ones go on afterwards.
func TestMigrationKeepsOldSessions(t *testing.T) {
	t.Parallel()
	for name, divide := range map[string]func(m *migration, t *testing.T){
		"divided by nginx":   (*migration).divideInNginx,
		"divided by HAProxy": (*migration).divideInHAProxy,
		"divided by Apache":  (*migration).divideInApache,
		"divided by Caddy":   (*migration).divideInCaddy,
		"divided by Traefik": (*migration).divideInTraefik,
	} {
		t.Run(name, func(t *testing.T) {
			m := &migration{nodes: testbed.StartNodes(t, []string{"a", "b", "c"})}
			m.moved = testbed.CaddyShorthand.Serve(t, testbed.Site{Upstreams: testbed.Addresses(m.nodes)})[0]
			divide(m, t)
			if m.divided.TagPattern == "" {
				m.divided.TagPattern = m.moved.TagPattern
			}

			sessions := openOldSessions(t, m.old)
			requireHeld(t, m.divided, sessions)
			sessions = m.openNewSessions(t)
			requireHeld(t, m.moved, sessions)
			requireHeld(t, m.divided, sessions)
			for e := range sessions {
				r := testbed.WebSocket(t, m.divided, e.SID, nil)
				assert.Equal(t, http.StatusSwitchingProtocols, r.StatusCode)
			}
		})
	}
}

// migration has an old proxy before the move, the proxy that divides the requests
// during the move, and the new proxy after it. All have the same nodes.
type migration struct {
	nodes               []*testbed.Node
	old, divided, moved testbed.Endpoint
}

// openOldSessions opens sessions through a proxy that adds no tags, and returns
// the names of their nodes. The clients keep cookies.
func openOldSessions(t *testing.T, f testbed.Endpoint) map[*testbed.Engine]string {
	t.Helper()
	sessions := map[*testbed.Engine]string{}
	for range 9 {
		e := testbed.NewEngineWithoutKeepAlive(t, f)
		jar, err := cookiejar.New(nil)
		require.NoError(t, err)
		e.Client.Jar = jar
		e.Handshake(t)
		require.NotContains(t, e.SID, ".")
		sessions[e] = e.Connect(t)
	}
	return sessions
}

// openNewSessions opens sessions through the proxy that divides, which adds tags,
// and returns the names of their nodes.
func (m *migration) openNewSessions(t *testing.T) map[*testbed.Engine]string {
	t.Helper()
	sessions, nodes := map[*testbed.Engine]string{}, map[string]bool{}
	for range 9 {
		e := testbed.NewEngineWithoutKeepAlive(t, m.divided)
		e.HandshakeBound(t)
		sessions[e] = e.Connect(t)
		nodes[sessions[e]] = true
	}
	assert.Len(t, nodes, len(m.nodes), "new sessions are on all nodes")
	return sessions
}

// requireHeld checks that the sessions go on at their nodes, through this proxy.
func requireHeld(t *testing.T, f testbed.Endpoint, sessions map[*testbed.Engine]string) {
	t.Helper()
	for e, node := range sessions {
		e.Endpoint = f
		require.Equal(t, node, e.Echo(t, "a text"))
	}
}

func (m *migration) divideInNginx(t *testing.T) {
	t.Helper()
	location, nodes, found := strings.Cut(migrationBlock(t, "nginx", docs.Peer, "hash $remote_addr"), "\nupstream")
	require.True(t, found)
	run := func(division, location string) testbed.Endpoint {
		dir, f := t.TempDir(), testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
		config := "daemon off;\nmaster_process off;\nerror_log stderr;\npid nginx.pid;\nevents {}\nhttp {\naccess_log off;\n"
		for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			config += kind + "_temp_path " + kind + ";\n"
		}
		config += division + "upstream" + nodes + "server {\nlisten " + f.Address() + ";\n" + location + "}\n}\n"
		path := m.write(t, dir, config)
		startPeer(t, f, "nginx", "-p", dir, "-c", path, "-e", "stderr")
		return f
	}
	m.old = run("", location)
	m.divided = run(migrationBlock(t, "nginx", docs.Peer, "map $arg_sid"), replaced(t, location, "http://nodes", "http://$socketio"))
}

func (m *migration) divideInHAProxy(t *testing.T) {
	t.Helper()
	// The nodes answer a GET, and the clients keep no cookie that is secure.
	nodes := replaced(t, migrationBlock(t, "haproxy", docs.Peer, "cookie io prefix"), "HEAD /health", "GET /health")
	insert := replaced(t, strings.TrimSpace(migrationBlock(t, "haproxy", docs.Peer, "cookie SRV insert")), "secure ", "")
	nodes = replaced(t, nodes, "cookie io prefix indirect nocache", insert)
	run := func(division string) testbed.Endpoint {
		f := testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
		config := "defaults\nmode http\ntimeout connect 9s\ntimeout client 60s\ntimeout server 60s\n" +
			"listen chat\nbind " + f.Address() + "\n" + division + nodes
		startPeer(t, f, "haproxy", "-db", "-f", m.write(t, t.TempDir(), config))
		return f
	}
	m.old = run("default_backend nodes\n")
	m.divided = run(migrationBlock(t, "haproxy", docs.Peer, "use_backend"))
}

func (m *migration) divideInApache(t *testing.T) {
	t.Helper()
	nodes := migrationBlock(t, "apache", docs.Peer, "BalancerMember")
	run := func(division string) testbed.Endpoint {
		dir, f := t.TempDir(), testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
		config := "ServerName localhost\nPidFile " + dir + "/apache.pid\nDefaultRuntimeDir " + dir + "\nErrorLog /dev/stderr\nListen " + f.Address() + "\n"
		for _, module := range []string{
			"mpm_event", "authz_core", "headers", "rewrite", "slotmem_shm", "proxy", "proxy_http",
			"proxy_wstunnel", "proxy_balancer", "lbmethod_byrequests",
		} {
			config += fmt.Sprintf("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n", module, module)
		}
		if os.Getuid() == 0 {
			config += "User www-data\nGroup www-data\n"
		}
		startPeer(t, f, "apache2", "-DFOREGROUND", "-f", m.write(t, dir, config+division+nodes))
		return f
	}
	m.old = run("")
	m.divided = run(migrationBlock(t, "apache", docs.Peer, "QUERY_STRING"))
}

func (m *migration) divideInCaddy(t *testing.T) {
	t.Helper()
	m.old = testbed.CaddyPolicy("cookie lb").Serve(t, testbed.Site{Upstreams: testbed.Addresses(m.nodes)})[0]
	m.divided = testbed.Endpoint{URL: "http://" + testbed.FreeAddress(t)}
	caddyfile := replaced(t, migrationBlock(t, "caddyfile", "", "@ours not"), "chat.example.com", m.divided.URL)
	testbed.StartCaddy(t, m.onNodes(replaced(t, caddyfile, "old:8080", m.old.Address())), m.divided)
}

func (m *migration) divideInTraefik(t *testing.T) {
	t.Helper()
	site := testbed.Site{Upstreams: testbed.Addresses(m.nodes)}
	m.old = testbed.CaddyPolicy("cookie lb").Serve(t, site)[0]
	m.moved = testbed.TraefikPlugin.Serve(t, site)[0]
	block := replaced(t, migrationBlock(t, "yaml", "", "QueryRegexp"), "Host(`chat.example.com`)", "PathPrefix(`/`)")
	var config struct{ HTTP object }
	require.NoError(t, yaml.Unmarshal([]byte(m.onNodes(replaced(t, block, "old:8080", m.old.Address()))), &config))
	h := testbed.TraefikPlugin
	h.Change = func(http object) {
		for key := range http {
			http[key] = config.HTTP[key]
		}
	}
	m.divided = h.Serve(t, site)[0]
}

// onNodes puts the addresses of the nodes, and of the new proxy, into a
// configuration.
func (m *migration) onNodes(config string) string {
	for i, n := range m.nodes {
		config = strings.ReplaceAll(config, fmt.Sprintf("node%d:3000", i+1), n.Addr)
	}
	return strings.ReplaceAll(config, "127.0.0.1:8080", m.moved.Address())
}

// write writes a configuration to a file in a directory, and returns its path.
func (m *migration) write(t *testing.T, dir, config string) string {
	t.Helper()
	path := filepath.Join(dir, "peer.conf")
	require.NoError(t, os.WriteFile(path, []byte(m.onNodes(config)), 0o600))
	return path
}

// startPeer runs a program of Debian until the test ends, and returns once it
// answers at the endpoint.
func startPeer(t *testing.T, f testbed.Endpoint, program string, args ...string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program // which is not on every user's PATH
	}
	require.FileExists(t, path, "%s is not installed: run make deps", program)
	p := testbed.StartProcess(t, local.Options{Name: program, Args: append([]string{path}, args...), Supervise: true})
	testbed.RequireEventually(t, program+" answers", func() bool {
		p.RequireRunning(t)
		resp, err := f.Get("/health")
		return err == nil && resp.StatusCode == http.StatusOK
	})
}

// migrationBlock returns the block of docs/migrate.md with these words.
func migrationBlock(t *testing.T, language, kind, with string) string {
	t.Helper()
	blocks, err := docs.Blocks("..")
	require.NoError(t, err)
	for _, block := range blocks {
		if block.File == migrationGuide && block.Language == language && block.Kind == kind && strings.Contains(block.Text, with) {
			return block.Text
		}
	}
	require.Fail(t, "no such block", "%s %s with %s", language, kind, with)
	return ""
}

// Caddy's policy becomes the fallback of this module's, with which it goes on to
// find the nodes of its sessions.
func TestCaddyKeepsTheSessionsOfItsPolicies(t *testing.T) {
	t.Parallel()
	for _, policy := range []string{"cookie lb", "ip_hash", "client_ip_hash"} {
		t.Run(policy, func(t *testing.T) {
			nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
			c := testbed.CaddyPolicy(policy)
			endpoints, site := c.Sites(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
			running := c.Start(t, site, endpoints...)
			sessions := openOldSessions(t, endpoints[0])

			running.Load(t, testbed.CaddyWith("fallback "+policy).SiteBlock(endpoints[0], testbed.Site{Upstreams: testbed.Addresses(nodes)}))
			requireHeld(t, endpoints[0], sessions)
			e := testbed.NewEngineWithoutKeepAlive(t, endpoints[0])
			e.HandshakeBound(t)
			sessions = map[*testbed.Engine]string{e: e.Connect(t)}
			running.Load(t, testbed.CaddyShorthand.SiteBlock(endpoints[0], testbed.Site{Upstreams: testbed.Addresses(nodes)}))
			requireHeld(t, endpoints[0], sessions)
		})
	}
}

// The plugin leaves the sticky cookie in a request whose session ID has no tag,
// so Traefik goes on to find the server.
func TestTraefikKeepsTheSessionsOfItsStickyCookie(t *testing.T) {
	t.Parallel()
	nodes := testbed.StartNodes(t, []string{"a", "b", "c"})
	running := testbed.Traefik{}.StartServing(t, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	f := running.Endpoints[0]
	sessions := openOldSessions(t, f)
	running.Load(t, testbed.TraefikPlugin)
	testbed.RequireEventually(t, "new sessions have a tag", func() bool {
		e := testbed.NewEngineWithoutKeepAlive(t, f)
		e.Handshake(t)
		return strings.Contains(e.SID, ".")
	})
	requireHeld(t, f, sessions)
	for e := range sessions {
		target, err := url.Parse(f.URL)
		require.NoError(t, err)
		require.Len(t, e.Client.Jar.Cookies(target), 1)
	}
}

// Whoever moves from Node's cluster runs this with another package, so that it is
// only parsed here.
func TestJavaScriptOfTheDocsParses(t *testing.T) {
	t.Parallel()
	blocks, err := docs.Blocks("..")
	require.NoError(t, err)
	for _, block := range blocks {
		if block.Language == "js" && block.Kind != docs.Peer {
			path := filepath.Join(t.TempDir(), "block.js")
			require.NoError(t, os.WriteFile(path, []byte(block.Text), 0o600))
			output, err := exec.CommandContext(t.Context(), "node", "--check", path).CombinedOutput()
			require.NoError(t, err, "%s: %s", block, output)
		}
	}
}
