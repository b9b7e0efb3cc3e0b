package core

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestUnknownSessionIsTheReplyOfEngineIO(t *testing.T) {
	const object, text = `{"code":1,"message":"Session ID unknown"}`, "Session ID unknown"
	cases := []struct {
		name, method, upgrade string
		contentType, body     string
	}{
		{"to a poll", http.MethodGet, "", "application/json", object},
		{"to a message", http.MethodPost, "", "application/json", object},
		{"to a WebSocket", http.MethodGet, "websocket", "text/html", text},
		{"to a WebSocket over HTTP/2", http.MethodConnect, "", "text/html", text},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			req := httptest.NewRequest(tc.method, "http://host/socket.io/?EIO=4&sid=x", http.NoBody)
			req.Header.Set("Upgrade", tc.upgrade)
			got := UnknownSession(req)
			if got.Status != http.StatusBadRequest || got.ContentType != tc.contentType || got.Body != tc.body {
				t.Errorf("got %+v", got)
			}
		})
	}
}
