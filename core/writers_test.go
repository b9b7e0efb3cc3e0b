package core

import (
	"errors"
	"net/http"
	"net/http/httptest"
)

// write writes a part of a body that the writer must take as a whole.
func write(w http.ResponseWriter, s string) {
	if n, err := w.Write([]byte(s)); err != nil || n != len(s) {
		panic("the writer returned an error, or wrote too little")
	}
}

// spy records the statuses and counts the flushes.
type spy struct {
	*httptest.ResponseRecorder
	statuses []int
	flushes  int
}

func (s *spy) WriteHeader(status int) {
	s.statuses = append(s.statuses, status)
	if status >= 200 {
		s.ResponseRecorder.WriteHeader(status)
	}
}

func (s *spy) Flush() { s.flushes++ }

// failing is a writer whose client has closed the connection.
type failing struct{ *httptest.ResponseRecorder }

var errFailing = errors.New("the client has closed the connection")

func (failing) Write([]byte) (int, error) { return 0, errFailing }
