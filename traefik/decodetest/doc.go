// Package decodetest holds the tests of how a configuration of Traefik's
// becomes one of the plugin's: with the same libraries and in the same two
// steps as in Traefik.
//
// They stand apart from package traefik as its tests run in Traefik's
// interpreter too, which runs no package from elsewhere.
package decodetest
