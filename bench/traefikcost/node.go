package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// message is what each poll gets, an event of Socket.IO's.
const message = `42["hello",{"node":"a"}]`

// node stands for a Socket.IO node. It answers as a stock one does, but at
// once, and keeps no sessions: it knows its own by their first byte.
type node struct {
	*httptest.Server
	name   string
	opened atomic.Int64
}

func startNodes(n int) []*node {
	nodes := make([]*node, 0, n)
	for i := range n {
		n := &node{name: string(rune('a' + i))}
		n.Server = httptest.NewServer(n)
		nodes = append(nodes, n)
	}
	return nodes
}

func stopNodes(nodes []*node) {
	for _, n := range nodes {
		n.Close()
	}
}

// ServeHTTP implements [http.Handler].
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch sid := r.URL.Query().Get("sid"); {
	case sid == "":
		n.reply(w, http.StatusOK, "text/plain; charset=UTF-8", n.openPacket())
	case strings.HasPrefix(sid, n.name) && len(sid) == sidLength:
		n.reply(w, http.StatusOK, "text/plain; charset=UTF-8", message)
	default:
		n.reply(w, http.StatusBadRequest, "application/json", `{"code":1,"message":"Session ID unknown"}`)
	}
}

// sidLength is the length of Engine.IO's own session IDs.
const sidLength = 20

// openPacket opens a session.
func (n *node) openPacket() string {
	sid := fmt.Sprintf("%s%0*d", n.name, sidLength-len(n.name), n.opened.Add(1))
	return `0{"sid":"` + sid + `","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`
}

func (n *node) reply(w http.ResponseWriter, status int, contentType, body string) {
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", fmt.Sprint(len(body)))
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the client reports the error
}
