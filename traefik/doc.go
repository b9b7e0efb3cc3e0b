// Package traefik is a middleware plugin that keeps Socket.IO (Engine.IO)
// sessions on their server behind Traefik, for clients without cookies.
//
// A middleware cannot choose the server, but Traefik's own sticky cookie can.
// So the plugin speaks cookie to Traefik and session ID to the client: on a
// handshake it takes the value of the sticky cookie that Traefik's load balancer
// sets, and binds it to the session ID that the client gets; on every later
// request it takes it off again and gives it to Traefik as that cookie. Which
// servers there are and which are fit stays Traefik's own affair. The cookie
// stays inside the proxy, unless ExposeCookie is set.
//
// Traefik runs the package in its interpreter, Yaegi, so it uses the standard
// library and package core only.
package traefik
