// Package caddy keeps Socket.IO (Engine.IO) sessions on their node behind
// Caddy. It has four parts:
//
//   - the selection policy "affinity" ([AffinitySelection]) gives each request
//     to the upstream that has its session,
//   - the handler "affinity" ([Handler]) reads the session from the request and
//     binds new sessions to their upstream,
//   - the directive "socketio" writes both, and the reverse_proxy between them,
//     in one line of a Caddyfile,
//   - the app "affinity" ([App]) owns what all sites of the process share: the
//     learned sessions, and the handover of listening sockets from one config to
//     the next (package handover).
//
// What Engine.IO says is read in package core. This package only puts that in
// Caddy's terms.
package caddy
