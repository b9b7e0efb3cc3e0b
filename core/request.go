package core

import (
	"net/http"
	"net/url"
	"strings"
)

// Request is what the query of an HTTP request says about an Engine.IO session.
// Its strings are raw, that is still percent-encoded. Stock clients do not
// encode the parameters of Engine.IO.
type Request struct {
	// Version is the protocol version from the EIO parameter: 4 for Socket.IO 3
	// and 4, 3 for Socket.IO 1 and 2. It is 0 if the parameter is not a single
	// digit or occurs more than once.
	Version int

	// Transport is the transport parameter: "polling", "websocket", or any other
	// value that the client sent.
	Transport string

	// SID is the session ID that the client sent, including its tag. It is empty
	// for a handshake.
	SID string

	// query is the raw query, and sidOffset the offset of SID in it.
	query     string
	sidOffset int

	// repeatedSID reports that the query has more than one sid parameter. Node.js
	// parses such a query as a list and finds no session for it, so no value of
	// the list may be used as the session ID.
	repeatedSID bool
}

// ParseRequest parses a raw query, the part of a URL after the "?". It reports
// false if the query has no EIO parameter, which every Engine.IO request has.
func ParseRequest(query string) (Request, bool) {
	// The results have no names: Yaegi v0.16.1 loses a struct that is assigned to one.
	version, _, count := parameter(query, "&EIO=")
	if count == 0 {
		return Request{}, false
	}

	req := Request{query: query}
	if count == 1 && len(version) == 1 && version[0] >= '0' && version[0] <= '9' {
		req.Version = int(version[0] - '0')
	}
	req.Transport, _, _ = parameter(query, "&transport=")
	req.SID, req.sidOffset, count = parameter(query, "&sid=")
	req.repeatedSID = count > 1
	return req, true
}

// Reparse returns r if query is the query that r was parsed from, and parses
// query otherwise. Another handler may have rewritten it.
func (r Request) Reparse(query string) Request {
	if query == r.query {
		return r
	}
	req, _ := ParseRequest(query)
	return req
}

// parameter finds a parameter of a raw query. The name includes the "&" before
// it and the "=" after it. parameter returns the first value, its offset, and
// how often the parameter occurs, where 2 means twice or more. It has no loop of
// its own: under Yaegi, a client could make one run for seconds.
func parameter(query, name string) (value string, offset, count int) {
	if strings.HasPrefix(query, name[1:]) {
		offset = len(name) - 1
	} else if i := strings.Index(query, name); i >= 0 {
		offset = i + len(name)
	} else {
		return "", 0, 0
	}
	value = query[offset:]
	count = 1
	if strings.Contains(value, name) {
		count = 2
	}
	if end := strings.IndexByte(value, '&'); end >= 0 {
		value = value[:end]
	}
	return value, offset, count
}

// IsHandshake reports whether the request opens a session, that is whether it
// has no session ID. Engine.IO treats an empty sid parameter as a missing one.
func (r Request) IsHandshake() bool {
	return r.SID == "" && !r.repeatedSID
}

// Tag returns the tag of the session ID, or "" if the session ID has no tag of
// this form. See [Split].
func (r Request) Tag(form TagForm) string {
	if r.repeatedSID {
		return ""
	}
	tag, _, _ := Split(r.SID, form)
	return tag
}

// DecodedSID returns the session ID without percent-encoding. It returns "" if
// the query does not have exactly one session ID, if it cannot be decoded, or if
// it is too long to have been learned.
func (r Request) DecodedSID() string {
	if r.repeatedSID || len(r.SID) > 3*maxSID { // an encoded byte takes three
		return ""
	}
	sid, err := url.QueryUnescape(r.SID)
	if err != nil {
		return ""
	}
	return sid
}

// Unbind removes a tag, which must be the result of Tag, from the session ID in
// req's URL query and RequestURI, so that the upstream sees its own session ID.
// It returns that session ID, still percent-encoded. With an empty tag, it
// changes nothing.
func (r Request) Unbind(req *http.Request, tag string) string {
	if tag == "" {
		return r.SID
	}
	prefix := len(tag) + len(Separator)
	query := r.query[:r.sidOffset] + r.query[r.sidOffset+prefix:]
	req.URL.RawQuery = query
	// Caddy forwards the URL, Traefik the RequestURI. The two may differ: Traefik
	// replaces semicolons in the query of the URL only.
	if path := strings.TrimSuffix(req.RequestURI, r.query); path != req.RequestURI {
		req.RequestURI = path + query
	} else {
		req.RequestURI = req.URL.RequestURI()
	}
	return r.SID[prefix:]
}

// IsPollingHandshake reports whether req, whose query is r, opens a session over
// HTTP long-polling. Only the response to such a request has an open packet in
// its body. A handshake over WebSocket receives it in a frame and needs no tag,
// because all of its session is one connection.
func (r Request) IsPollingHandshake(req *http.Request) bool {
	return r.IsHandshake() && r.Transport == "polling" &&
		req.Method == http.MethodGet && req.Header.Get("Upgrade") == ""
}
