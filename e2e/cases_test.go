package e2e

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

// setting is a way in which nodes and front may be set up. Whatever it is,
// sessions must hold over every transport.
type setting struct {
	name     string
	nodes    starter  // Default: startNodes
	flags    []string // of the nodes
	path     string   // of Socket.IO. Default: /socket.io
	secure   bool
	encode   bool
	messages int // rounds of each client

	clients     int // Default: 60
	client      int // their major version. Default: 4
	maxBytes    int // of their largest message. Default: 100 kB
	forceBase64 bool
	roam        bool

	// How clients keep cookies, if they do: as clients of Socket.IO 4 do for a
	// session when told, or as an application can for longer.
	withCredentials, cookieJar bool
}

// plain is the common case, run in full.
var plain = setting{name: "stock nodes", messages: 20}

var settings = []setting{
	plain,
	{name: "nodes that compress", flags: []string{"--compression"}, messages: 20},
	{name: "https", secure: true, messages: 20},
	{name: "a path of its own", flags: []string{"--path", "/chat/io"}, path: "/chat/io", messages: 20},
	{name: "a front that compresses", encode: true, messages: 20},
	{name: "nodes written in Go", nodes: startGoNodes, messages: 20},
}

var transports = [][]string{
	{"polling"},
	{"polling", "websocket"},
	{"websocket"},
}

// crowdOf is the crowd of the issue: sixty clients, and messages up to 100 kB.
func (s setting) crowdOf(f front, transports []string) crowd {
	clients := cmp.Or(s.clients, 60)
	return crowd{
		URL:             f.url,
		Path:            s.path,
		Clients:         clients,
		Client:          s.client,
		Transports:      transports,
		Messages:        s.messages,
		MaxBytes:        cmp.Or(s.maxBytes, 100_000),
		ForceBase64:     s.forceBase64,
		Roam:            s.roam,
		WithCredentials: s.withCredentials,
		CookieJar:       s.cookieJar,
		cookies:         f.cookies(clients, transports),
	}
}

// compresses says whether something between client and node compresses.
func (s setting) compresses() bool {
	return s.encode || slices.Contains(s.flags, "--compression")
}

func (s setting) startNodes(t *testing.T, names ...string) []*node {
	t.Helper()
	if s.nodes != nil {
		return s.nodes(t, names, s.flags...)
	}
	return startNodes(t, names, s.flags...)
}

func (s setting) siteOf(nodes []*node) site {
	return site{upstreams: addresses(nodes), secure: s.secure, encode: s.encode}
}

// testSessionsHold runs a crowd over each of the transports in one setting,
// each with nodes and a host of its own: what one crowd leaves behind may not
// change where the next one goes.
func testSessionsHold(t *testing.T, h host, s setting, transports ...[]string) {
	t.Helper()
	for _, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			nodes := s.startNodes(t, "a", "b", "c")
			f := h.serve(t, s.siteOf(nodes))[0]

			o := s.crowdOf(f, transport).run(t)
			o.assertHeld(t)
			if !f.uneven {
				o.assertSpread(t, nodes)
			}
		})
	}
}

// testTwoSites runs two crowds at the same time, each on a site and nodes of
// its own behind the same host.
func testTwoSites(t *testing.T, h host) {
	t.Helper()
	for _, transport := range transports {
		t.Run(strings.Join(transport, " and "), func(t *testing.T) {
			sites := [][]*node{
				startNodes(t, []string{"a", "b", "c"}),
				startNodes(t, []string{"d", "e", "f"}),
			}
			fronts := h.serve(t, plain.siteOf(sites[0]), plain.siteOf(sites[1]))

			crowds := []*runningCrowd{
				plain.crowdOf(fronts[0], transport).start(t),
				plain.crowdOf(fronts[1], transport).start(t),
			}
			for i, nodes := range sites {
				o := crowds[i].outcome(t)
				o.assertHeld(t)
				o.assertSpread(t, nodes)
			}
		})
	}
}
