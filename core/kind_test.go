package core

import (
	"net/http"
	"testing"
)

func TestKindOfRequests(t *testing.T) {
	const polling, webSocket, sid = "EIO=4&transport=polling", "EIO=4&transport=websocket", "&sid=abc"
	for _, tt := range []struct {
		method, query string
		upgrade       bool
		want          Kind
	}{
		{http.MethodGet, polling, false, KindHandshake},
		{http.MethodGet, webSocket, true, KindHandshake},
		{http.MethodConnect, webSocket, false, KindHandshake},
		{http.MethodPost, polling, false, KindOther},
		{http.MethodGet, polling + sid, false, KindPoll},
		{http.MethodPost, polling + sid, false, KindPoll},
		{http.MethodDelete, polling + sid, false, KindOther},
		{http.MethodGet, webSocket + sid, true, KindUpgrade},
		{http.MethodConnect, webSocket + sid, false, KindUpgrade},
		{http.MethodOptions, polling, false, KindPreflight},
		{http.MethodOptions, polling + sid, false, KindPreflight},
	} {
		t.Run(tt.want.String()+" "+tt.method+" "+tt.query, func(t *testing.T) {
			parsed, _ := ParseRequest(tt.query)
			req := &http.Request{Method: tt.method, Header: http.Header{}}
			if tt.upgrade {
				req.Header.Set("Upgrade", "websocket")
			}
			if got := parsed.Kind(req); got != tt.want {
				t.Errorf("got %s", got)
			}
		})
	}
}
