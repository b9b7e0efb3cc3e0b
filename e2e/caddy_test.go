package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// caddy is the host Caddy, with a way to write a site's upstreams in its
// Caddyfile.
type caddy struct {
	proxy   func(upstreams string) string
	gives   bool     // a cookie to every client
	race    bool     // built with the race detector
	options string   // more global options
	expects []string // parts of the error lines that its log may have
}

var (
	caddyShorthand = caddy{proxy: func(upstreams string) string {
		return "socketio " + upstreams
	}}
	caddyLongForm = caddy{proxy: func(upstreams string) string {
		return "affinity\nreverse_proxy " + upstreams +
			" {\nlb_policy affinity\nlb_retries 3\nlb_retry_match {\nnot path *\n}\nstream_close_delay 24h\ntransport http {\nkeepalive 2s\n}\n}"
	}}
	// caddyCookie is what Caddy has without this module.
	caddyCookie = caddyPolicy("cookie")
)

// caddyWith is the socketio directive with these lines in its block.
func caddyWith(options ...string) caddy {
	return caddy{proxy: func(upstreams string) string {
		return "socketio " + upstreams + " {\n" + strings.Join(options, "\n") + "\n}"
	}}
}

// caddyGiving is the socketio directive with these lines, which give every
// client a cookie.
func caddyGiving(options ...string) caddy {
	c := caddyWith(options...)
	c.gives = true
	return c
}

// caddyPolicy is what Caddy has without this module: a line of lb_policy.
func caddyPolicy(policy string) caddy {
	return caddy{proxy: func(upstreams string) string {
		return "reverse_proxy " + upstreams + " {\nlb_policy " + policy + "\n}"
	}}
}

func (c caddy) serve(t *testing.T, sites ...site) []front {
	t.Helper()
	fronts, blocks := c.sites(t, sites...)
	running := c.start(t, blocks, fronts...)
	for i := range fronts {
		fronts[i].proxy, fronts[i].profile = running.process, running.admin
	}
	return fronts
}

// sites gives each site a free address and writes its part of the Caddyfile.
func (c caddy) sites(t *testing.T, sites ...site) ([]front, string) {
	t.Helper()
	fronts := make([]front, len(sites))
	var blocks strings.Builder
	for i, s := range sites {
		scheme := "http://"
		if s.secure {
			scheme = "https://"
		}
		fronts[i] = front{url: scheme + freeAddress(t), tag: "[A-Za-z0-9_-]{11}", knowsTags: true, gives: c.gives}
		blocks.WriteString(c.block(fronts[i], s))
	}
	return fronts, blocks.String()
}

// block writes one site's part of the Caddyfile.
func (c caddy) block(f front, s site) string {
	lines := []string{f.url + " {"}
	if s.secure {
		lines = append(lines, "tls internal")
	}
	if s.encode {
		lines = append(lines, "encode gzip")
	}
	lines = append(lines, c.proxy(strings.Join(s.upstreams, " ")), "}", "")
	return strings.Join(lines, "\n")
}

// runningCaddy is a Caddy with an admin endpoint.
type runningCaddy struct {
	*process
	admin   string // host:port
	options string // more global options

	// expects has parts of the error lines that the log may have.
	expects []string
}

// startCaddy runs Caddy with these sites until the test ends, and returns it
// once all fronts answer.
func startCaddy(t *testing.T, sites string, fronts ...front) *runningCaddy {
	t.Helper()
	return caddy{}.start(t, sites, fronts...)
}

// start runs Caddy with these sites, as startCaddy does.
func (c caddy) start(t *testing.T, sites string, fronts ...front) *runningCaddy {
	t.Helper()
	binary := caddyBinary
	if c.race {
		binary = buildRaceCaddy(t)
	}
	running := &runningCaddy{admin: freeAddress(t), options: c.options, expects: c.expects}
	running.start(t, binary, running.caddyfile(sites), fronts...)
	return running
}

// start runs Caddy with a Caddyfile until the test ends, and checks then what
// its log has said. It returns once all fronts answer. Caddy keeps its files in a
// directory of the test's.
func (c *runningCaddy) start(t *testing.T, binary, caddyfile string, fronts ...front) {
	t.Helper()
	home := t.TempDir()
	config := filepath.Join(home, "Caddyfile")
	require.NoError(t, os.WriteFile(config, []byte(caddyfile), 0o600))
	env := []string{"HOME=" + home, "XDG_DATA_HOME=" + home, "XDG_CONFIG_HOME=" + home}
	t.Cleanup(func() { // once it has ended
		if c.process != nil {
			assertQuietCaddy(t, c.log.String(), c.expects)
		}
	})
	c.process = startTethered(t, "caddy", env, binary, "run", "--config", config, "--adapter", "caddyfile")
	for _, f := range fronts {
		f.requireAnswers(t, c.process)
	}
}

// caddyfile writes a Caddyfile with these sites. Its log has what net/http has
// to complain of, which is for debugging, to Caddy.
func (c *runningCaddy) caddyfile(sites string) string {
	return "{\nadmin " + c.admin + `
default_bind 127.0.0.1
skip_install_trust
auto_https disable_redirects
log stdlib {
	output stderr
	format json
	level DEBUG
	include http.stdlib
}
` + c.options + `
}
` + sites
}

// load replaces the running config, as caddy reload does.
func (c *runningCaddy) load(t *testing.T, sites string) {
	t.Helper()
	c.loadCaddyfile(t, c.caddyfile(sites))
}
