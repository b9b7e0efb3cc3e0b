package peers

import "slices"

// All returns the systems of Socket.IO's page, Caddy's own policies, and this module's,
// which are the last.
func All() []*System {
	return []*System{
		{Name: "nginx-hash", Title: [2]string{"nginx", "`hash $remote_addr`"}, Program: "nginx", Config: "nginx-hash.conf", host: nginx},
		{Name: "nginx-ip_hash", Title: [2]string{"nginx", "`ip_hash`"}, Program: "nginx", Config: "nginx-ip_hash.conf", host: nginx},
		{
			Name: "nginx-sticky", Title: [2]string{"nginx", "`sticky cookie`"}, Program: "nginx",
			Config: "nginx-sticky.conf", Refusal: `unknown directive "sticky"`, host: nginx,
		},
		{Name: "apache", Title: [2]string{"Apache", "cookie of the route"}, Program: "apache2", Config: "apache.conf", host: apache},
		{
			Name: "haproxy", Title: [2]string{"HAProxy", "`cookie io prefix`"}, Program: "haproxy", Config: "haproxy.cfg", host: haproxy,
			NodeFlags: []string{"--cookie"},
		},
		{Name: "traefik-sticky", Title: [2]string{"Traefik", "sticky cookie"}, Program: "traefik", Config: "traefik-sticky.yml", host: traefik{}},
		{
			Name: "socketio-sticky", Title: [2]string{"Node's cluster", "`@socket.io/sticky`"}, Program: "@socket.io/sticky",
			Workers: true, Lacks: lacks(false), host: cluster{"@socket.io/sticky"},
		},
		{
			Name: "sticky-session", Title: [2]string{"Node's cluster", "`sticky-session`"}, Program: "sticky-session",
			Workers: true, Lacks: lacks(true), host: cluster{"sticky-session"},
		},
		{
			Name: "socketio-sticky-session", Title: [2]string{"Node's cluster", "`socketio-sticky-session`"}, Program: "socketio-sticky-session",
			Workers: true, Lacks: lacks(true), host: cluster{"socketio-sticky-session"},
		},
		{
			Name: "socketio-sticky-session-proxy", Title: [2]string{"Node's cluster", "`socketio-sticky-session`, `proxy: true`"},
			Program: "socketio-sticky-session", Workers: true, Lacks: lacks(true), host: cluster{"socketio-sticky-session, proxy"},
			Headers: map[string]string{"X-Forwarded-For": "127.0.0.1"},
		},
		{Name: "caddy-ip_hash", Title: [2]string{"Caddy", "`ip_hash`"}, Program: "caddy", Config: "caddy-ip_hash.Caddyfile", host: caddy{}},
		{Name: "caddy-cookie", Title: [2]string{"Caddy", "`cookie`"}, Program: "caddy", Config: "caddy-cookie.Caddyfile", host: caddy{}},
		{Name: "caddy-least_conn", Title: [2]string{"Caddy", "`least_conn`, no affinity"}, Program: "caddy", Config: "caddy-least_conn.Caddyfile", host: caddy{}},
		{
			Name: "caddy-affinity", Title: [2]string{"Caddy", "**`socketio`**"}, Program: "caddy", Config: "caddy-affinity.Caddyfile", Ours: true, host: caddy{},
			WithCookie: &System{Name: "caddy-affinity-cookie", Config: "caddy-affinity-cookie.Caddyfile", host: caddy{}},
		},
		{
			Name: "traefik-affinity", Title: [2]string{"Traefik", "**plugin**"}, Program: "traefik", Config: "traefik-affinity.yml", Ours: true, host: traefik{plugin: true},
			WithCookie: &System{Name: "traefik-affinity-cookie", Config: "traefik-affinity-cookie.yml", host: traefik{plugin: true}},
		},
	}
}

// lacks returns what a package for Node's cluster cannot do.
func lacks(fixed bool) map[Ability]string {
	lacks := map[Ability]string{
		Reloading: "it has no configuration to reload: its workers are the application",
		Replicas:  "its nodes are its own workers, so two of them are two sets of nodes",
	}
	if fixed {
		lacks[Growing] = "it has a fixed number of workers"
	}
	return lacks
}

// Named returns the systems of these names, in the order of [All].
func Named(names ...string) []*System {
	return slices.DeleteFunc(All(), func(s *System) bool { return !slices.Contains(names, s.Name) })
}
