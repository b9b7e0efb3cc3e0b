// Package core knows what Engine.IO says on the wire and where a session
// belongs. It reads the query of a request, makes and checks tags, and binds
// an upstream's tag to the session ID in a handshake's reply. It decides
// nothing about hosts, health or load: the caddy and traefik packages turn
// their host's configuration into calls of this one, and its answers into
// calls of their host.
//
// An upstream's tag stands in front of the session ID that the client sees:
//
//	<tag>.<sid>
//
// The client names its session in every later request, so every later request
// names its upstream too, and no proxy has to remember anything.
//
// The words are those of the [Engine.IO protocol]. Everything here also runs
// under Yaegi, Traefik's interpreter, so the package uses the standard library
// only and no language feature newer than Yaegi has.
//
// [Engine.IO protocol]: https://github.com/socketio/engine.io-protocol
package core
