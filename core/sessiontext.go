package core

import (
	"net/url"
	"strings"
)

// ParseSessionText returns the requests that a text stands for, which people have
// copied from a log or a browser: the URL of a request, its query, or a session ID,
// percent-encoded or not. If the text does not say which version of Engine.IO it is
// of, there is a request of version 4 and one of version 3. It returns none if the
// text is a URL without a session, or empty.
func ParseSessionText(text string) []Request {
	text = strings.TrimSpace(text)
	text, _, _ = strings.Cut(text, "#")
	before, query, isURL := strings.Cut(text, "?")
	if !isURL {
		before, query = "", text
	}
	if req, ok := ParseRequest(query); ok {
		return []Request{req}
	}
	sid, _, found := parameter(query, "&sid=")
	if found == 0 {
		if text == "" || isURL || strings.Contains(before+query, "://") {
			return nil
		}
		sid = text
		if !strings.Contains(sid, "%") {
			sid = url.QueryEscape(sid)
		}
	}
	v4, _ := ParseRequest("EIO=4&transport=polling&sid=" + sid)
	v3, _ := ParseRequest("EIO=3&transport=polling&sid=" + sid)
	return []Request{v4, v3}
}
