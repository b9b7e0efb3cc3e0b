package testbed

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// MirroredRequest is a request as it reached the mirror.
type MirroredRequest struct {
	Method, URI string
	Cookies     []string
}

// PlainSID is a session ID as Engine.IO makes it.
const PlainSID = "AbCdEfGhIjKlMnOpQrSt"

// StartMirror starts a node that opens a session at a handshake, and answers
// any other request with a [MirroredRequest] in JSON.
func StartMirror(t *testing.T) (address string) {
	t.Helper()
	mirror := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.RequestURI == "/socket.io/?EIO=4&transport=polling" && r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `0{"sid":"`+PlainSID+`"}`)
			return
		}
		_ = json.NewEncoder(w).Encode(MirroredRequest{r.Method, r.RequestURI, r.Header["Cookie"]})
	}))
	t.Cleanup(mirror.Close)
	return mirror.Listener.Addr().String()
}
