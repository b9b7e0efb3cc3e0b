package testbed

import (
	"cmp"
	"slices"
	"testing"
)

// Variant is one way to set up nodes, proxy and clients. Sessions must hold in
// each, over every transport.
type Variant struct {
	Name     string
	Nodes    NodeStarter // Default: StartNodes
	Flags    []string    // of the nodes
	Path     string      // of Socket.IO. Default: /socket.io
	HTTPS    bool
	Compress bool
	Messages int // rounds of each client

	Clients     int // Default: 60
	Version     int // their major version. Default: 4
	MaxBytes    int // of their largest message. Default: 100 kB
	ForceBase64 bool
	Roam        bool

	// How clients keep cookies, if they do: as the client of Socket.IO 4 can for one
	// session, or as an application can for longer.
	WithCredentials, CookieJar bool
}

// Plain is the common case.
var Plain = Variant{Name: "stock nodes", Messages: 8}

// SocketIO2 has Socket.IO 2 on both sides, where the session ID is also the ID
// that the application sees.
var SocketIO2 = Variant{Name: "Socket.IO 2", Flags: []string{"--socketio", "2"}, Version: 2, Messages: 8}

// Transports are the ways in which a client connects.
var Transports = [][]string{
	{"polling"},
	{"polling", "websocket"},
	{"websocket"},
}

// Small returns the variant with fewer, smaller messages of fewer clients, for
// what differs from another variant in one thing.
func (s Variant) Small() Variant {
	s.Clients, s.Messages, s.MaxBytes = 15, 3, 20_000
	return s
}

// Compresses reports whether the nodes or the proxy compress.
func (s Variant) Compresses() bool {
	return s.Compress || slices.Contains(s.Flags, "--compression")
}

// StartNodes starts the nodes of the variant.
func (s Variant) StartNodes(t *testing.T, names ...string) []*Node {
	t.Helper()
	if s.Nodes != nil {
		return s.Nodes(t, names, s.Flags...)
	}
	return StartNodes(t, names, s.Flags...)
}

// SiteOf returns the site of the variant with these nodes.
func (s Variant) SiteOf(nodes []*Node) Site {
	return Site{Upstreams: Addresses(nodes), HTTPS: s.HTTPS, Compress: s.Compress}
}

// ClientsOf returns the clients of the variant.
func (s Variant) ClientsOf(f Endpoint, transports []string) Clients {
	clients := cmp.Or(s.Clients, 60)
	return Clients{
		URL:             f.URL,
		Path:            s.Path,
		Count:           clients,
		Version:         s.Version,
		Transports:      transports,
		Messages:        s.Messages,
		MaxBytes:        cmp.Or(s.MaxBytes, 100_000),
		ForceBase64:     s.ForceBase64,
		Roam:            s.Roam,
		WithCredentials: s.WithCredentials,
		CookieJar:       s.CookieJar,
		WantSetCookies:  f.CookiesFor(clients, transports),
	}
}

// ClientsInTurn returns as many clients of the variant over each of the transports.
func (s Variant) ClientsInTurn(f Endpoint, transports ...[]string) Clients {
	all := s.ClientsOf(f, transports[0])
	all.Transports, all.TransportsInTurn = nil, transports
	for _, transport := range transports[1:] {
		c := s.ClientsOf(f, transport)
		all.Count += c.Count
		all.WantSetCookies += c.WantSetCookies
	}
	return all
}

// RunHeld runs as many clients of the variant over each of the transports, all at
// once, and checks that none of them loses its session.
func (s Variant) RunHeld(t *testing.T, f Endpoint, transports ...[]string) Result {
	t.Helper()
	o := s.ClientsInTurn(f, transports...).Run(t)
	o.AssertHeld(t)
	return o
}
