// Package handover hands the listening TCP sockets of one Caddy config over to the
// next one, so that a config reload loses no connections and no requests.
//
// Without it, Caddy opens a second socket for the new config (SO_REUSEPORT), and
// then closes that of the old config. The operating system resets the connections
// that the old config has not accepted by then, and net/http drops requests that
// arrive while a server shuts down (golang/go#75591). A Socket.IO client that
// opens a connection for each request loses its session either way.
//
// # What is rewritten, and when
//
// While a config is provisioned, [Handover.Join] rewrites the TCP addresses in
// the Listen field of one server, for example "tcp/:443" to "affinity-tcp/:443".
// This package has registered these networks. Everything else about the server
// stays the same. All sites of the server share its sockets, so the handover
// applies to all of them. It does not apply to the other servers of the config.
//
// Not rewritten are addresses that Caddy already keeps open (Unix sockets, file
// descriptors), port 0, all addresses of an HTTP app with a shutdown_delay, and
// an address that two servers have, which Caddy rejects. HTTP/3 works as before:
// its UDP socket is not handed over.
//
// # What happens
//
//   - Config load: The server listens on the socket that an earlier config has
//     opened, or else on a new one. Connections go to the oldest config that has
//     not yielded, so those of a running config are not affected.
//   - Reload: When the new config has started, Caddy emits the event "stopping"
//     for the old config. All servers of the old config yield, and connections
//     go to the new config from then on. The old config waits, once for all its
//     servers and at most for the timeout, for the first requests on connections
//     that it has accepted. It does not wait for connections that have been idle
//     for five seconds. After that, Caddy stops the old config as usual.
//   - Failed load: The old config keeps running. The listeners of the failed
//     config close when Caddy cancels its context.
//   - Reload to a config without the handover: No listener is waiting for the
//     connections, so nothing yields and nothing waits. The new config listens on
//     a socket of its own, as it does without this package.
//   - Exit: As there is no next config, nothing yields and nothing waits.
//
// # How to turn it off
//
// Set the handover option of the affinity app to "off" in a Caddyfile, or to 0 in
// JSON. Then nothing is rewritten, and Caddy listens as it does without this
// package.
//
// # What it depends on
//
// [caddy.RegisterNetwork], [caddyhttp.RegisterNetworkHTTP3],
// [caddyhttp.Server.RegisterConnState], and the event "stopping" of the events
// app. Caddy marks the first two and the event as experimental.
package handover
