// Package testbed starts, watches and ends the real programs of the tests, the
// demo and the benchmarks: Caddy, Traefik, Socket.IO nodes and clients, a
// browser, Redis, and what stands between them. Everything listens on loopback,
// on ports that were free, and ends with the test that started it.
package testbed
