package core

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

func TestHandshakeRewriterCallsOnHeader(t *testing.T) {
	cases := []struct {
		name    string
		respond func(http.ResponseWriter)
		want    string // the statuses
	}{
		{"no response", func(http.ResponseWriter) {}, "[200]"},
		{"an open packet", func(w http.ResponseWriter) { write(w, openBody) }, "[200]"},
		{"another body", func(w http.ResponseWriter) { write(w, "hello"); write(w, "hello") }, "[200]"},
		{"an error", func(w http.ResponseWriter) { w.WriteHeader(502); write(w, "hello") }, "[502]"},
		{"early hints", func(w http.ResponseWriter) { w.WriteHeader(103); write(w, openBody) }, "[103 200]"},
	}
	for _, tc := range cases {
		w := &spy{ResponseRecorder: httptest.NewRecorder()}
		rewriter := NewHandshakeRewriter(w, always(testTag))
		var statuses []int
		rewriter.OnHeader = func(header http.Header, status int) {
			statuses = append(statuses, status)
			header.Set("X-Status", strconv.Itoa(status))
		}
		tc.respond(rewriter)
		if _, err := rewriter.Close(); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(statuses); got != tc.want {
			t.Errorf("%s: called with %s, want %s", tc.name, got, tc.want)
		}
		if got, want := w.Result().Header.Get("X-Status"), strconv.Itoa(statuses[len(statuses)-1]); w.statuses != nil && got != want {
			t.Errorf("%s: sent the header with X-Status %q, want %q", tc.name, got, want)
		}
	}
}
