// Command caddy is Caddy with all of its standard modules and this one. The
// demo and the tests run it; for your own Caddy, build with xcaddy instead.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/eio-affinity/affinity/caddy"
)

func main() {
	caddycmd.Main()
}
