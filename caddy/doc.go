// Package caddy keeps Socket.IO (Engine.IO) sessions on their node behind
// Caddy. It has three parts:
//
//   - the selection policy "affinity" ([AffinitySelection]) gives each request
//     to the upstream that has its session,
//   - the handler "affinity" ([Handler]) reads the session from the request and
//     binds new sessions to their upstream,
//   - the directive "socketio" writes both, and the reverse_proxy between them,
//     in one line of a Caddyfile.
//
// While Caddy replaces its config, the handler's server keeps its sockets (see
// [Handler]), as many clients make a connection for each request of a session.
//
// What Engine.IO says is read in package core. This package only puts that in
// Caddy's terms.
package caddy
