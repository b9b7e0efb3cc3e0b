package core

import (
	"net/http"
	"net/url"
	"strings"
)

// Request is what the query of an HTTP request says about an Engine.IO
// session. Values are raw, that is still percent-encoded, as Engine.IO's
// parameters need no encoding when a stock client writes them.
type Request struct {
	// Version is the protocol revision, from the EIO parameter: 4 for
	// Socket.IO 3 and 4, 3 for Socket.IO 1 and 2. It is 0 when the parameter
	// is not one digit or is given twice.
	Version int

	// Transport is "polling", "websocket", or whatever else was asked for.
	Transport string

	// SID is the session ID as the client sent it, tag and all. It is empty
	// on a handshake.
	SID string

	// query is the raw query, and sidAt the offset of SID in it.
	query string
	sidAt int

	// repeated says that the query names sid more than once. Node.js reads
	// such a query as a list and knows no session by it; no value of the
	// list may be taken for the session's.
	repeated bool
}

// ParseRequest reads a raw query, the part of a URL behind the "?". It reports
// false for a query without the EIO parameter, which every Engine.IO request
// has and nothing else does: such a request is none of ours.
func ParseRequest(query string) (Request, bool) {
	version, _, times := parameter(query, "&EIO=")
	if times == 0 {
		return Request{}, false
	}

	req := Request{query: query}
	if times == 1 && len(version) == 1 && version[0] >= '0' && version[0] <= '9' {
		req.Version = int(version[0] - '0')
	}
	req.Transport, _, _ = parameter(query, "&transport=")
	req.SID, req.sidAt, times = parameter(query, "&sid=")
	req.repeated = times > 1
	return req, true
}

// Again is [ParseRequest] for a query that is most likely the one that r was read
// from, but may have been rewritten since.
func (r Request) Again(query string) Request {
	if query == r.query {
		return r
	}
	again, _ := ParseRequest(query)
	return again
}

// parameter finds a parameter of a raw query by "&", its name and "=". It
// returns the first value, the offset of that value, and how often the
// parameter occurs, of which it counts no more than two. It goes through the
// query by no loop of its own: where it is interpreted, a client could make one
// take seconds.
func parameter(query, name string) (value string, at, times int) {
	if strings.HasPrefix(query, name[1:]) {
		at = len(name) - 1
	} else if i := strings.Index(query, name); i >= 0 {
		at = i + len(name)
	} else {
		return "", 0, 0
	}
	value = query[at:]
	times = 1
	if strings.Contains(value, name) {
		times = 2
	}
	if end := strings.IndexByte(value, '&'); end >= 0 {
		value = value[:end]
	}
	return value, at, times
}

// IsHandshake reports whether the request opens a session: it names none.
// Engine.IO takes an empty sid for no sid.
func (r Request) IsHandshake() bool {
	return r.SID == "" && !r.repeated
}

// Tag returns the tag of a bound session ID, and "" when the session ID is not
// one that is bound by a tag of this form: see [Split].
func (r Request) Tag(form TagForm) string {
	if r.repeated {
		return ""
	}
	tag, _, _ := Split(r.SID, form)
	return tag
}

// ID returns the session ID decoded, as the node knows it. It is empty when the
// query does not name exactly one, or one that is longer than any that is learned.
func (r Request) ID() string {
	if r.repeated || len(r.SID) > 3*maxSID { // a query may take three bytes for one
		return ""
	}
	id, err := url.QueryUnescape(r.SID)
	if err != nil {
		return ""
	}
	return id
}

// Unbind takes the tag that Tag has returned off the session ID, in the query
// of req and in its RequestURI, so that the node sees its own session ID. It
// returns that session ID, raw.
func (r Request) Unbind(req *http.Request, tag string) string {
	if tag == "" {
		return r.SID
	}
	mark := len(tag) + len(separator)
	query := r.query[:r.sidAt] + r.query[r.sidAt+mark:]
	req.URL.RawQuery = query
	// Hosts forward the one or the other: Caddy the URL, Traefik the
	// RequestURI. The two may differ: Traefik replaces the semicolons of the
	// URL's query only.
	if path := strings.TrimSuffix(req.RequestURI, r.query); path != req.RequestURI {
		req.RequestURI = path + query
	} else {
		req.RequestURI = req.URL.RequestURI()
	}
	return r.SID[mark:]
}

// OpensByPolling reports whether req, whose query r is, asks for a session
// over HTTP long-polling. Only the reply to such a request carries an open
// packet in its body; a handshake over WebSocket has it in a frame, and needs
// no binding, since its one connection is its session.
func (r Request) OpensByPolling(req *http.Request) bool {
	return r.IsHandshake() && r.Transport == "polling" &&
		req.Method == http.MethodGet && req.Header.Get("Upgrade") == ""
}
