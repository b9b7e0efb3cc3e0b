package systems

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The Caddys.
var (
	// CaddyPlain is the floor: reverse_proxy alone.
	CaddyPlain = caddyWithoutAffinity()

	// CaddyCookie is Caddy's own cookie policy.
	CaddyCookie = caddy("Caddy, cookie", CaddyPlain.Name, true, "reverse_proxy %s {\nlb_policy cookie\n}")

	// CaddyAffinity is this module.
	CaddyAffinity = caddy("Caddy, affinity", CaddyPlain.Name, false, "socketio %s")
)

// caddyWithoutAffinity returns the floor of the Caddys.
func caddyWithoutAffinity() System {
	s := caddy("Caddy, least_conn", "", false, "reverse_proxy %s {\nlb_policy least_conn\n}")
	s.AnyNode = true
	return s
}

// caddy returns a Caddy with a directive, in which %s stands for the nodes.
func caddy(name, floor string, cookies bool, directive string) System {
	return System{Name: name, Floor: floor, Cookies: cookies, UnixSockets: true, configure: func(s *site) (command, error) {
		binary, err := program("caddy")
		if err != nil {
			return command{}, err
		}
		scheme, tls := "http://", ""
		if s.tls {
			scheme, tls = "https://", "tls internal\n"
		}
		config := filepath.Join(s.dir, "Caddyfile")
		text := fmt.Sprintf("{\nadmin %s\npersist_config off\nskip_install_trust\nauto_https disable_redirects\ndefault_bind 127.0.0.1\ndefault_sni localhost\n"+
			"log {\nlevel ERROR\n}\n}\n%slocalhost:%s {\n%s%s\n}\n",
			s.debug, scheme, port(s.address), tls, fmt.Sprintf(directive, strings.Join(s.nodes, " ")))
		if !s.tls {
			text = strings.Replace(text, "localhost:", ":", 1)
		}
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			return command{}, err
		}
		return command{args: []string{binary, "run", "--config", config}, debug: true}, nil
	}}
}

// port returns the port of host:port.
func port(address string) string {
	return address[strings.LastIndexByte(address, ':')+1:]
}
