package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// node is a Socket.IO server that says which one it is.
type node struct {
	name string
	io   *socket.Server
}

func newNode(o options) *node {
	opts := socket.DefaultServerOptions()
	opts.SetAllowEIO3(o.allowEIO3)
	n := &node{name: o.name}
	opts.SetTransports(types.NewSet[transports.TransportCtor](
		&orderly{sessions: func() *types.Map[string, engine.Socket] { return n.io.Engine().Clients() }},
		&transports.WebSocketBuilder{},
	))
	n.io = socket.NewServer(nil, opts)
	_ = n.io.On("connection", func(args ...any) { n.handleConnection(args[0].(*socket.Socket)) })
	return n
}

// handleConnection does all that a client sees.
func (n *node) handleConnection(client *socket.Socket) {
	_ = client.On("echo", func(args ...any) {
		ack := args[1].(socket.Ack)
		ack([]any{map[string]any{"node": n.name, "payload": args[0]}}, nil)
	})
	_ = client.On("push", func(args ...any) {
		ack := args[1].(socket.Ack)
		_ = client.Emit("pushed", args[0], func([]any, error) {
			ack([]any{map[string]any{"node": n.name}}, nil)
		})
	})
	_ = client.Emit("hello", map[string]any{"node": n.name, "id": client.Id()})
}

func (n *node) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", held{n.io.ServeHandler(nil)})
	n.io.Engine().Use(release)
	_ = n.io.Engine().On("connection", queueNOOP)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok")
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(n.whoami())
	})
	return mux
}

// whoami is what a node says of itself.
type whoami struct {
	Node    string   `json:"node"`
	Clients int      `json:"clients"`
	Waiting int      `json:"waiting"`
	SIDs    []string `json:"sids"` // of the open sessions, for record.js
}

func (n *node) whoami() whoami {
	said := whoami{Node: n.name, SIDs: []string{}}
	n.io.Engine().Clients().Range(func(sid string, session engine.Socket) bool {
		said.Clients++
		if transport := session.Transport(); transport.Name() == transports.POLLING && transport.Writable() {
			said.Waiting++
		}
		said.SIDs = append(said.SIDs, sid)
		return true
	})
	return said
}
