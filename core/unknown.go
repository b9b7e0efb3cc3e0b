package core

import "net/http"

// Reply is a reply to a request.
type Reply struct {
	Status            int
	ContentType, Body string
}

// unknownSession is the text of Engine.IO's error 1 (UNKNOWN_SID).
const unknownSession = "Session ID unknown"

// UnknownSession returns what Engine.IO, of any version, replies to a request of a
// session that it does not have: to polls an object, and to a WebSocket a text.
// Engine.IO 3 also allows the request's origin (CORS), and Engine.IO 4 if its
// option cors says so, which is for the caller to decide.
func UnknownSession(req *http.Request) Reply {
	if OpensWebSocket(req) {
		return Reply{Status: http.StatusBadRequest, ContentType: "text/html", Body: unknownSession}
	}
	return Reply{
		Status: http.StatusBadRequest, ContentType: "application/json",
		Body: `{"code":1,"message":"` + unknownSession + `"}`,
	}
}
