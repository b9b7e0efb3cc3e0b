// Package caddy pins Socket.IO (Engine.IO) sessions to their upstreams in Caddy.
// It has five parts:
//
//   - The selection policy "affinity" ([AffinitySelection]) sends each request to
//     the upstream of its session.
//   - The handler "affinity" ([Handler]) finds the session of each request, and
//     pins new sessions to their upstreams.
//   - The directive "socketio" is a Caddyfile shorthand for both and the
//     reverse_proxy between them.
//   - The app "affinity" ([App]) owns what all sites of the process share: the
//     learned sessions, what is known about upstreams, their drains, the metrics,
//     and the handover of listening sockets from one config to the next (package
//     handover).
//   - The command "caddy affinity" (package command) lists, drains and explains
//     upstreams, by routes of the admin API.
//
// Package core implements the Engine.IO protocol. This package adapts it to Caddy.
package caddy

import _ "github.com/eio-affinity/affinity/caddy/command" // so that every Caddy with this module has the command
