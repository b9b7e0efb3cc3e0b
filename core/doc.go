// Package core reads and rewrites the Engine.IO protocol for the proxy adapters
// in packages caddy and traefik. It parses the query of a request, computes and
// validates tags, binds a tag to the session ID in a handshake response, and
// remembers learned sessions. It does not choose upstreams and knows nothing of
// health or load. The adapters translate between this package and their proxy.
//
// An upstream's tag is a prefix of the session ID that the client sees:
//
//	<tag>.<sid>
//
// The client sends its session ID with every later request, so every later
// request carries the tag, and the proxy stores nothing.
//
// Terms are those of the [Engine.IO protocol]. Package traefik runs in Yaegi,
// Traefik's interpreter, and this package with it. So this package uses only the
// standard library and only language features that Yaegi supports.
//
// [Engine.IO protocol]: https://github.com/socketio/engine.io-protocol
package core
