// Package e2e holds the tests that start the real programs: Caddy and Traefik
// in front of stock Socket.IO nodes, and stock clients against them. Everything
// listens on loopback, on ports that were free.
package e2e
