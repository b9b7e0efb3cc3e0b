package core

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

const (
	openBody  = `0{"sid":"abc"}`
	boundBody = `0{"sid":"` + testTag + `.abc"}`
)

// always gives every session one tag.
func always(tag string) func(http.Header, Handshake) string {
	return func(http.Header, Handshake) string { return tag }
}

func TestHandshakeRewriter(t *testing.T) {
	cases := []struct {
		name   string
		reply  http.HandlerFunc
		tag    string
		status int
		body   string
		header map[string]string
		opened bool
		sid    string
	}{
		{
			name: "binds a session and corrects the length",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(openBody)))
				w.Header().Set("X-Node", "a")
				w.WriteHeader(http.StatusOK)
				write(w, openBody)
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
			header: map[string]string{"Content-Length": strconv.Itoa(len(boundBody)), "X-Node": "a"},
		},
		{
			name: "binds a session that comes in pieces, without a length",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				for _, c := range strings.Split(openBody, "") {
					write(w, c)
					_ = http.NewResponseController(w).Flush()
				}
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
			header: map[string]string{"Content-Length": ""},
		},
		{
			name:  "leaves a session without a tag",
			reply: func(w http.ResponseWriter, _ *http.Request) { write(w, openBody) },
			tag:   "", status: 200, body: openBody, opened: true, sid: "abc",
		},
		{
			name:  "leaves a session with a bad tag",
			reply: func(w http.ResponseWriter, _ *http.Request) { write(w, openBody) },
			tag:   "a\r\nb", status: 200, body: openBody, opened: true, sid: "abc",
		},
		{
			name: "leaves an error of the node",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				write(w, openBody)
			},
			tag: testTag, status: 400, body: openBody, header: map[string]string{"Content-Type": "application/json"},
		},
		{
			name: "leaves a compressed reply",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				write(w, openBody)
			},
			tag: testTag, status: 200, body: openBody,
		},
		{
			name: "takes identity for no encoding",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "identity")
				write(w, openBody)
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
		},
		{
			name:  "leaves another reply",
			reply: func(w http.ResponseWriter, _ *http.Request) { write(w, "hello"); write(w, openBody) },
			tag:   testTag, status: 200, body: "hello" + openBody,
		},
		{
			name: "leaves a truncated open packet, length and all",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "14")
				write(w, openBody[:9])
			},
			tag: testTag, status: 200, body: openBody[:9], header: map[string]string{"Content-Length": "14"},
		},
		{
			name: "leaves a reply of 64 KiB and a byte",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				write(w, openBody+strings.Repeat(" ", maxBuffered+1-len(openBody)))
			},
			tag: testTag, status: 200, body: openBody + strings.Repeat(" ", maxBuffered+1-len(openBody)),
		},
		{
			name: "binds a reply of 64 KiB",
			reply: func(w http.ResponseWriter, _ *http.Request) {
				write(w, openBody+strings.Repeat(" ", maxBuffered-len(openBody)))
			},
			tag: testTag, status: 200, body: boundBody + strings.Repeat(" ", maxBuffered-len(openBody)), opened: true, sid: "abc",
		},
		{
			name:   "adds nothing to a reply without a body",
			reply:  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK); _, _ = w.Write(nil) },
			tag:    testTag,
			status: 200,
		},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			var sid string
			rewriter := NewHandshakeRewriter(w, func(_ http.Header, handshake Handshake) string {
				sid = handshake.SID
				return tc.tag
			})
			tc.reply(rewriter, nil)
			opened, err := rewriter.Close()
			if err != nil {
				t.Fatal(err)
			}
			if opened != tc.opened || sid != tc.sid {
				t.Errorf("opened %v, sid %q, want %v, %q", opened, sid, tc.opened, tc.sid)
			}
			if w.Code != tc.status || w.Body.String() != tc.body {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body.String(), tc.status, tc.body)
			}
			for field, want := range tc.header {
				if got := w.Header().Get(field); got != want {
					t.Errorf("%s = %q, want %q", field, got, want)
				}
			}
		})
	}
}

func write(w http.ResponseWriter, s string) {
	if n, err := w.Write([]byte(s)); err != nil || n != len(s) {
		panic("the writer behind took less than it was given")
	}
}

func TestHandshakeRewriterCommitsNothingByItself(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	if opened, err := rewriter.Close(); opened || err != nil {
		t.Error("no reply was taken for one")
	}
	rewriter.Abort()
	if w.statuses != nil || w.flushes != 0 {
		t.Errorf("wrote %v, flushed %d times, where the handler behind said nothing", w.statuses, w.flushes)
	}
}

func TestHandshakeRewriterHoldsBackWhatMayOpenASession(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	rewriter.WriteHeader(http.StatusEarlyHints)
	rewriter.WriteHeader(http.StatusOK)
	write(rewriter, openBody)
	rewriter.Flush()
	if _, can := interface{}(rewriter).(interface{ Unwrap() http.ResponseWriter }); can {
		t.Error("a host can get at the writer behind")
	}
	if len(w.statuses) != 1 || w.statuses[0] != http.StatusEarlyHints || w.flushes != 0 {
		t.Errorf("wrote %v, flushed %d times, want only the early hints", w.statuses, w.flushes)
	}
}

func TestHandshakeRewriterStreamsWhatCannotOpenASession(t *testing.T) {
	// A compiled writer: under Yaegi, nothing sees Flush on a type of isEngineIO.
	w := httptest.NewRecorder()
	rewriter := NewHandshakeRewriter(w, always(testTag))
	write(rewriter, "data: 1\n\n")
	rewriter.Flush()
	if w.Body.String() != "data: 1\n\n" || !w.Flushed {
		t.Errorf("body %q, flushed %v, before the reply has ended", w.Body.String(), w.Flushed)
	}
}

func TestHandshakeRewriterTakesOneStatus(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	write(rewriter, "data: 1\n\n")
	rewriter.WriteHeader(http.StatusTeapot)
	if len(w.statuses) != 1 || w.statuses[0] != http.StatusOK {
		t.Errorf("wrote %v, want one status", w.statuses)
	}
}

func TestHandshakeRewriterStreamsAnEndlessReply(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	piece := strings.Repeat("1", 1000)
	for sent := 0; sent < 10*maxBuffered; sent += len(piece) {
		write(rewriter, piece)
		if behind := sent + len(piece) - w.Body.Len(); behind > maxBuffered {
			t.Fatalf("%d bytes are held back", behind)
		}
	}
}

func TestHandshakeRewriterAbortShowsWhatThereWas(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "100")
	rewriter := NewHandshakeRewriter(w, always(testTag))
	rewriter.WriteHeader(http.StatusOK)
	write(rewriter, openBody)
	rewriter.Abort()
	if w.Body.String() != openBody || w.Header().Get("Content-Length") != "100" || !w.Flushed {
		t.Errorf("body %q, flushed %v, want %q as it came, flushed", w.Body.String(), w.Flushed, openBody)
	}
}

func TestHandshakeRewriterReportsAWriterThatFails(t *testing.T) {
	rewriter := NewHandshakeRewriter(failing{httptest.NewRecorder()}, always(testTag))
	write(rewriter, openBody)
	if _, err := rewriter.Close(); !errors.Is(err, errFailing) {
		t.Errorf("Close = %v, want the writer's own error", err)
	}
}

func TestHandshakeRewriterAsksForTheTagWithTheHeaders(t *testing.T) {
	w := httptest.NewRecorder()
	rewriter := NewHandshakeRewriter(w, func(h http.Header, _ Handshake) string { return h.Get("X-Tag") })
	rewriter.Header().Set("X-Tag", testTag)
	write(rewriter, openBody)
	if _, err := rewriter.Close(); err != nil || w.Body.String() != boundBody {
		t.Errorf("body %q, %v", w.Body.String(), err)
	}
}

// spy counts what reaches a writer.
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

// failing is a writer whose client has gone.
type failing struct{ *httptest.ResponseRecorder }

var errFailing = errors.New("the client has gone")

func (failing) Write([]byte) (int, error) { return 0, errFailing }
