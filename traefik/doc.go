// Package traefik is a middleware plugin for Traefik that keeps Socket.IO
// (Engine.IO) sessions on their server, for clients without cookies.
//
// A middleware cannot choose the server, but Traefik's own sticky cookie can. So
// the plugin translates between sticky cookies on Traefik's side and session IDs
// on the client's side. On a handshake, it takes the value of the sticky cookie
// that Traefik's load balancer sets, and adds it to the session ID in the
// response as a tag. On every later request, it removes the tag from the session
// ID, and adds it to the request as that cookie. Service discovery, health checks
// and weights remain Traefik's. The client does not see the cookie, unless
// ExposeCookie is set.
//
// Traefik runs the package in Yaegi, its interpreter, so the package uses only the
// standard library and package core.
package traefik
