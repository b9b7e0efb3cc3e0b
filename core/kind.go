package core

import "net/http"

// Kind is what a request does in the Engine.IO protocol.
type Kind uint8

// The kinds. The zero Kind is that of a request that is not Engine.IO's, or that
// Engine.IO does not expect.
const (
	KindOther Kind = iota

	// KindHandshake opens a session, over polling or WebSocket.
	KindHandshake

	// KindPoll receives (GET) or sends (POST) packets of a session over polling.
	KindPoll

	// KindUpgrade opens the WebSocket of a session that began with polling.
	KindUpgrade

	// KindPreflight is a browser's CORS preflight request.
	KindPreflight
)

// kindNames has the names of the kinds.
var kindNames = []string{"other", "handshake", "poll", "upgrade", "preflight"}

// NumKinds is the number of kinds. They are numbered from 0.
const NumKinds = 5

// String returns the name of the kind: other, handshake, poll, upgrade or
// preflight.
func (k Kind) String() string { return kindNames[k] }

// Kind returns what req, whose query is r, does.
func (r Request) Kind(req *http.Request) Kind {
	switch {
	case req.Method == http.MethodOptions:
		return KindPreflight
	case r.IsHandshake():
		if req.Method != http.MethodGet && req.Method != http.MethodConnect {
			return KindOther
		}
		return KindHandshake
	case OpensWebSocket(req):
		return KindUpgrade
	case req.Method == http.MethodGet || req.Method == http.MethodPost:
		return KindPoll
	default:
		return KindOther
	}
}

// OpensWebSocket reports whether a request asks for a WebSocket, over HTTP/1.1
// (RFC 6455) or as an extended CONNECT over HTTP/2 (RFC 8441).
func OpensWebSocket(req *http.Request) bool {
	return req.Method == http.MethodConnect || req.Header.Get("Upgrade") != ""
}
