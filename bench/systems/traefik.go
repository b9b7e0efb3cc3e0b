package systems

import (
	"encoding/json"
	"errors"
	"path/filepath"

	"github.com/eio-affinity/affinity/internal/testbed/local"
	"github.com/eio-affinity/affinity/internal/testbed/traefikconfig"
)

// stickyCookie is the name of Traefik's sticky cookie.
const stickyCookie = "server_id"

// The Traefiks.
var (
	// TraefikPlain has no plugin: the client sends Traefik's own sticky cookie.
	TraefikPlain = traefik("Traefik, sticky cookie", "", nil, "")

	// TraefikEmpty has a plugin that does nothing but call the next handler, which
	// is what the interpreter itself costs.
	TraefikEmpty = traefik("Traefik, empty plugin", TraefikPlain.Name,
		&traefikconfig.Plugin{Module: "github.com/eio-affinity/emptyplugin", Dir: "bench/emptyplugin"}, "{}")

	// TraefikAffinity has this module's plugin.
	TraefikAffinity = traefik("Traefik, affinity", TraefikEmpty.Name,
		&traefikconfig.Plugin{Module: "github.com/eio-affinity/affinity", Dir: "."}, `{"cookieNames": ["`+stickyCookie+`"]}`)
)

// object is a part of a configuration.
type object = traefikconfig.Object

// traefik returns a Traefik, with a plugin if it is not nil. Without this module's,
// clients have to keep the sticky cookie.
func traefik(name, floor string, plugin *traefikconfig.Plugin, options string) System {
	cookies := plugin == nil || options == "{}"
	return System{Name: name, Floor: floor, Cookies: cookies, configure: func(s *site) (command, error) {
		binary, err := program("traefik")
		if err != nil {
			return command{}, err
		}
		router := object{"rule": "PathPrefix(`/`)", "service": "nodes"}
		if s.tls {
			router["tls"] = object{}
		}
		http := object{
			"routers": object{"all": router},
			"services": object{"nodes": object{"loadBalancer": object{
				"servers": traefikconfig.Servers(s.nodes),
				"sticky":  object{"cookie": object{"name": stickyCookie}},
			}}},
		}
		var plugins []traefikconfig.Plugin
		if plugin != nil {
			root, err := local.Root()
			if err != nil {
				return command{}, err
			}
			installed := traefikconfig.Plugin{Name: "measured", Module: plugin.Module, Dir: filepath.Join(root, plugin.Dir)}
			if err := installed.Install(s.dir); err != nil {
				return command{}, err
			}
			plugins = append(plugins, installed)
			router["middlewares"] = []string{"plugin"}
			http["middlewares"] = object{"plugin": object{"plugin": object{installed.Name: json.RawMessage(options)}}}
		}
		static := traefikconfig.Static(map[string]string{"web": s.address, "traefik": s.debug}, filepath.Join(s.dir, "dynamic"), plugins...)
		static["api"] = object{"insecure": true, "dashboard": false, "debug": true}
		return command{args: []string{binary, "--configFile=static.yml"}, debug: true}, errors.Join(
			traefikconfig.Write(filepath.Join(s.dir, "static.yml"), static),
			traefikconfig.Write(filepath.Join(s.dir, "dynamic", "dynamic.yml"), object{"http": http}),
		)
	}}
}
