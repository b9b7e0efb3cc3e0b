package main

import (
	"context"
	"slices"

	"github.com/eio-affinity/affinity/internal/peers"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// scenario is something that happens to clients.
type scenario struct {
	name  string // as on the command line
	title string // of its row
	// says is what is run, and what the cells say.
	says string
	// needs is what a system must be able to do.
	needs peers.Ability
	// version is the major version of Socket.IO on both sides. Default: 4.
	version int
	// disturbs says that nodes or system are not as they were after it.
	disturbs bool
	run      func(ctx context.Context, s *stage) (outcome, error)
}

// verdict is what a cell says, in a word.
type verdict string

// What can be said of a scenario. What each means is in the document.
const (
	works      verdict = "works"
	partly     verdict = "partly" // it works, but not as well as it can
	fails      verdict = "fails"
	impossible verdict = "impossible"
	notRun     verdict = "not run"
)

// outcome is what happened in a scenario.
type outcome struct {
	Verdict verdict `json:"verdict"`
	Text    string  `json:"text"`             // of the cell
	Short   string  `json:"short,omitempty"`  // of the cell in the picture. Default: Text
	Detail  string  `json:"detail,omitempty"` // the first error, or why it was not run
}

// better reports whether it went better than another time.
func (o outcome) better(other outcome) bool {
	order := []verdict{works, partly, fails}
	return slices.Index(order, o.Verdict) < slices.Index(order, other.Verdict)
}

// The sizes of the scenarios.
const (
	few    = 12 // clients, where only matters whether they work
	many   = 30 // clients, where some may lose their sessions
	office = 60 // clients behind one address
	inPage = 5  // clients of a browser, which opens six connections to a host
	rounds = 4  // of messages of a client
)

var (
	polling   = []string{"polling"}
	upgrading = []string{"polling", "websocket"}
	webSocket = []string{"websocket"}
)

// scenarios returns the rows of the table.
func scenarios() []*scenario {
	return []*scenario{
		{
			name: "polling", title: "Polling, no cookies",
			says: "12 clients over HTTP long-polling, as the client for Node.js is by default: it keeps no cookies.",
			run:  clientsHold(testbed.Clients{Transports: polling}),
		},
		{
			name: "polling-cookies", title: "Polling, cookies kept",
			says: "The same, and each client keeps every cookie that it is given.",
			run:  clientsHold(testbed.Clients{Transports: polling, CookieJar: true}),
		},
		{
			name: "upgrade", title: "Upgrade to WebSocket, no cookies",
			says: "12 clients with the default transports: they begin with polling, and upgrade while they send.",
			run:  clientsHold(testbed.Clients{Transports: upgrading}),
		},
		{
			name: "upgrade-cookies", title: "Upgrade to WebSocket, cookies kept",
			says: "The same, with cookies.",
			run:  clientsHold(testbed.Clients{Transports: upgrading, CookieJar: true}),
		},
		{
			name: "websocket", title: "WebSocket only",
			says: "12 clients with `transports: [\"websocket\"]`, which need no affinity.",
			run:  clientsHold(testbed.Clients{Transports: webSocket}),
		},
		{
			name: "idle", title: "Sessions that are idle for 8 s",
			says: "12 clients, half of them over polling and half over WebSocket, with cookies, that send nothing for 8 s.",
			run:  idle,
		},
		{
			name: "office", title: "60 clients of one address: fullest / mean",
			says: "60 clients over polling with cookies, all from one address, that connect at once. The number is the sessions of the fullest node, divided by the mean.",
			run:  behindOneAddress,
		},
		{
			name: "roam", title: "Address changes in mid-session",
			says: "12 clients over polling with cookies, each of whose connections comes from another network, as those of a phone do.",
			run:  clientsHold(testbed.Clients{Transports: polling, CookieJar: true, Roam: true}),
		},
		{
			name: "other-site", title: "Other site, third-party cookies blocked",
			says: "5 clients over polling, `withCredentials: true`, in a page of another site in Chromium, which blocks third-party cookies.",
			run:  otherSite,
		},
		{
			name: "socketio2", title: "Socket.IO 2, no cookies", version: 2,
			says: "12 clients and nodes of Socket.IO 2, half of the clients over polling, half upgraded.",
			run:  clientsHold(testbed.Clients{TransportsInTurn: [][]string{polling, upgrading}}),
		},
		{
			name: "socketio2-cookies", title: "Socket.IO 2, cookies kept", version: 2,
			says: "The same, with cookies.",
			run:  clientsHold(testbed.Clients{TransportsInTurn: [][]string{polling, upgrading}, CookieJar: true}),
		},
		{
			name: "replicas", title: "Two replicas of the proxy", needs: peers.Replicas,
			says: "12 clients, half over polling, half upgraded, with cookies. Every other connection goes through another replica, with the client's address.",
			run:  twoReplicas,
		},
		{
			name: "socketio2-replicas", title: "Socket.IO 2, two replicas, cookies kept", needs: peers.Replicas, version: 2,
			says: "The same with Socket.IO 2.",
			run:  twoReplicas,
		},
		{
			name: "return", title: "Clients that return after a reconnect",
			says: "30 clients over polling with cookies lose their network and reconnect. The number is how many are on the node that they were on. " +
				"By chance it is a third. For this module there is a second number: with its option `cookie` (Traefik: `exposeCookie`).",
			run: reconnecting,
		},
		{
			name: "reload", title: "Proxy reloads: sessions lost", needs: peers.Reloading, disturbs: true,
			says: "30 clients, half over polling, half upgraded, with cookies, that send all the time, while the proxy loads its configuration again three times. " +
				"The number is how many sessions were lost.",
			run: reloading,
		},
		{
			name: "add", title: "A node is added: sessions lost", needs: peers.Growing, disturbs: true,
			says: "The same 30 clients, while a fourth node is added, and for 4 s after that. The number is how many sessions were lost. " +
				"It fails if none of 30 new clients, which come in three groups, gets to the new node.",
			run: growing,
		},
		{
			name: "kill", title: "A node is killed: others lost, last back", disturbs: true,
			says: "The same 30 clients, which reconnect. The node with the most sessions is killed. The numbers are the sessions lost beyond its own, " +
				"and the time until the last client is back, of which Socket.IO itself waits 0.5 to 1.5 s.",
			run: killing,
		},
	}
}
