// Package handover keeps Caddy from losing connections while it replaces its
// config.
//
// By itself, Caddy opens a new socket for each config (SO_REUSEPORT) and closes
// the old one. The system resets what the old config has not accepted by then,
// and net/http drops requests that arrive while the old server shuts down
// (golang/go#75591). Clients that make a connection for each request of a
// session see that as lost sessions.
//
// # What it changes, and when
//
//   - While a config is provisioned, [Handover.Join] rewrites the TCP addresses
//     in the Listen field of one server, for example from "tcp/:443" to
//     "affinity-tcp/:443". All sites of that server share its sockets, so all
//     of them take part. Other servers stay as they are.
//   - When the config starts, the server listens on a socket that this process
//     may have opened for an earlier config. Connections go to one config at a
//     time, the oldest one that has not yielded.
//   - When Caddy is about to stop the old config, because the new one is up,
//     all servers of the old config yield. The old config then waits, once and
//     for no longer than the timeout, until the connections that it has
//     accepted have brought their first request.
//   - A config that fails to load leaves nothing behind: its listeners and its
//     claims end with its context.
//   - When Caddy exits, there is no next config to yield to, and nothing waits.
//
// Addresses that Caddy shares by itself (Unix sockets, file descriptors), port
// 0, and servers of an HTTP app with a shutdown_delay are left to Caddy, as is
// an address that two servers have, which Caddy refuses.
//
// # What it rests on
//
// [caddy.RegisterNetwork], [caddyhttp.RegisterNetworkHTTP3],
// [caddyhttp.Server.RegisterConnState] and the event "stopping" of the events
// app. Caddy marks the first two and the event as experimental.
package handover
