package main

import (
	"maps"
	"net/http"
	"net/http/httptest"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// held serves requests with a server and hands each reply on when the server is
// done with the request, and not before.
//
// The server, in 3.0.5, forgets a session's poll twice: before it writes the
// reply, and again when it has. By then a client that has the reply may have
// sent its next poll, over another connection of a proxy's, say. That is the
// one forgotten then, and never answered.
type held struct {
	server http.Handler
}

// heldReply is a reply on its way, and tells when it may go.
type heldReply struct {
	*httptest.ResponseRecorder
	done chan struct{}
}

// ServeHTTP implements [http.Handler].
func (h held) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		h.server.ServeHTTP(w, r)
		return
	}
	reply := &heldReply{ResponseRecorder: httptest.NewRecorder(), done: make(chan struct{})}
	h.server.ServeHTTP(reply, r)
	<-reply.done
	maps.Copy(w.Header(), reply.Header())
	w.WriteHeader(reply.Code)
	_, _ = w.Write(reply.Body.Bytes())
}

// release is the part of held inside the server, where a request is closed when
// it has been forgotten for the second time.
func release(request *types.HttpContext, next func(error)) {
	if reply, ok := request.Response().(*heldReply); ok {
		_ = request.Once("close", func(...any) { close(reply.done) })
	}
	next(nil)
}
