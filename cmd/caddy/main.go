// Command caddy is Caddy with its standard modules and this one, for the demo and
// the tests. To build your own Caddy, use xcaddy instead.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/eio-affinity/affinity/caddy"
)

func main() {
	caddycmd.Main()
}
