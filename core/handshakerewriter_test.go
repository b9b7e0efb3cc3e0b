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

// always returns the same tag for every session.
func always(tag string) func(http.Header, Handshake) string {
	return func(http.Header, Handshake) string { return tag }
}

func TestHandshakeRewriter(t *testing.T) {
	cases := []struct {
		name    string
		respond http.HandlerFunc
		tag     string
		status  int
		body    string
		header  map[string]string
		opened  bool
		sid     string
		unbound Unbound
	}{
		{
			name: "adds the tag and corrects the length",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(openBody)))
				w.Header().Set("X-Node", "a")
				w.WriteHeader(http.StatusOK)
				write(w, openBody)
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
			header: map[string]string{"Content-Length": strconv.Itoa(len(boundBody)), "X-Node": "a"},
		},
		{
			name: "adds the tag to an open packet in pieces, without a length",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				for _, c := range strings.Split(openBody, "") {
					write(w, c)
					_ = http.NewResponseController(w).Flush()
				}
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
			header: map[string]string{"Content-Length": ""},
		},
		{
			name:    "keeps the session ID if there is no tag",
			respond: func(w http.ResponseWriter, _ *http.Request) { write(w, openBody) },
			tag:     "", status: 200, body: openBody, opened: true, sid: "abc",
		},
		{
			name:    "keeps the session ID if the tag is invalid",
			respond: func(w http.ResponseWriter, _ *http.Request) { write(w, openBody) },
			tag:     "a\r\nb", status: 200, body: openBody, opened: true, sid: "abc",
		},
		{
			name: "keeps an error",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusBadRequest)
				write(w, openBody)
			},
			tag: testTag, status: 400, body: openBody, header: map[string]string{"Content-Type": "application/json"}, unbound: UnboundStatus,
		},
		{
			name: "keeps a compressed response",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				write(w, openBody)
			},
			tag: testTag, status: 200, body: openBody, unbound: UnboundCompressed,
		},
		{
			name: "treats identity as no compression",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "identity")
				write(w, openBody)
			},
			tag: testTag, status: 200, body: boundBody, opened: true, sid: "abc",
		},
		{
			name:    "keeps another body",
			respond: func(w http.ResponseWriter, _ *http.Request) { write(w, "hello"); write(w, openBody) },
			tag:     testTag, status: 200, body: "hello" + openBody, unbound: UnboundNoOpenPacket,
		},
		{
			name: "keeps a truncated open packet and the length",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", "14")
				write(w, openBody[:9])
			},
			tag: testTag, status: 200, body: openBody[:9], header: map[string]string{"Content-Length": "14"}, unbound: UnboundNoOpenPacket,
		},
		{
			name: "keeps a body of 64 KiB and a byte",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				write(w, openBody+strings.Repeat(" ", maxBuffered+1-len(openBody)))
			},
			tag: testTag, status: 200, body: openBody + strings.Repeat(" ", maxBuffered+1-len(openBody)), unbound: UnboundTooLarge,
		},
		{
			name: "adds the tag to a body of 64 KiB",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				write(w, openBody+strings.Repeat(" ", maxBuffered-len(openBody)))
			},
			tag: testTag, status: 200, body: boundBody + strings.Repeat(" ", maxBuffered-len(openBody)), opened: true, sid: "abc",
		},
		{
			name:    "keeps a response without a body",
			respond: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK); _, _ = w.Write(nil) },
			tag:     testTag,
			status:  200, unbound: UnboundNoOpenPacket,
		},
		{
			name: "keeps a response that says that it is long",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(maxBuffered+1))
				w.WriteHeader(http.StatusOK)
				_ = http.NewResponseController(w).Flush()
				write(w, openBody)
			},
			tag: testTag, status: 200, body: openBody, unbound: UnboundTooLarge,
		},
		{
			name: "keeps a compressed response that a handler before it compresses again",
			respond: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				write(w, openBody)
				w.Header().Del("Content-Encoding")
				write(w, strings.Repeat(" ", maxBuffered))
			},
			tag: testTag, status: 200, body: openBody + strings.Repeat(" ", maxBuffered), unbound: UnboundCompressed,
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
			tc.respond(rewriter, nil)
			opened, err := rewriter.Close()
			if err != nil {
				t.Fatal(err)
			}
			if opened != tc.opened || sid != tc.sid {
				t.Errorf("opened %v, sid %q, want %v, %q", opened, sid, tc.opened, tc.sid)
			}
			if rewriter.Unbound() != tc.unbound {
				t.Errorf("unbound %q, want %q", rewriter.Unbound(), tc.unbound)
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

func TestHandshakeRewriterSendsNothingWithoutAResponse(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	if opened, err := rewriter.Close(); opened || err != nil {
		t.Errorf("Close = %v, %v without a response", opened, err)
	}
	rewriter.Abort()
	if rewriter.Unbound() != UnboundNoReply {
		t.Errorf("unbound %q without a response", rewriter.Unbound())
	}
	if w.statuses != nil || w.flushes != 0 {
		t.Errorf("wrote %v, flushed %d times, without a response", w.statuses, w.flushes)
	}
}

func TestHandshakeRewriterBuffersAnOpenPacket(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	rewriter.WriteHeader(http.StatusEarlyHints)
	rewriter.WriteHeader(http.StatusOK)
	write(rewriter, openBody)
	rewriter.Flush()
	if _, can := interface{}(rewriter).(interface{ Unwrap() http.ResponseWriter }); can {
		t.Error("Unwrap returns the wrapped writer")
	}
	if len(w.statuses) != 1 || w.statuses[0] != http.StatusEarlyHints || w.flushes != 0 {
		t.Errorf("wrote %v, flushed %d times, want only the early hints", w.statuses, w.flushes)
	}
}

func TestHandshakeRewriterStreamsOtherBodies(t *testing.T) {
	// The recorder is compiled. Under Yaegi, net/http does not see a Flush method of an
	// interpreted writer.
	w := httptest.NewRecorder()
	rewriter := NewHandshakeRewriter(w, always(testTag))
	write(rewriter, "data: 1\n\n")
	rewriter.Flush()
	if w.Body.String() != "data: 1\n\n" || !w.Flushed {
		t.Errorf("body %q, flushed %v, before the end of the response", w.Body.String(), w.Flushed)
	}
}

func TestHandshakeRewriterIgnoresASecondStatus(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	write(rewriter, "data: 1\n\n")
	rewriter.WriteHeader(http.StatusTeapot)
	if len(w.statuses) != 1 || w.statuses[0] != http.StatusOK {
		t.Errorf("wrote %v, want one status", w.statuses)
	}
}

func TestHandshakeRewriterStreamsAnEndlessBody(t *testing.T) {
	w := &spy{ResponseRecorder: httptest.NewRecorder()}
	rewriter := NewHandshakeRewriter(w, always(testTag))
	piece := strings.Repeat("1", 1000)
	for sent := 0; sent < 10*maxBuffered; sent += len(piece) {
		write(rewriter, piece)
		if buffered := sent + len(piece) - w.Body.Len(); buffered > maxBuffered {
			t.Fatalf("%d bytes are buffered", buffered)
		}
	}
}

func TestHandshakeRewriterAbortSendsTheBufferUnchanged(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("Content-Length", "100")
	rewriter := NewHandshakeRewriter(w, always(testTag))
	rewriter.WriteHeader(http.StatusOK)
	write(rewriter, openBody)
	rewriter.Abort()
	if rewriter.Unbound() != UnboundIncomplete {
		t.Errorf("unbound %q, want %q", rewriter.Unbound(), UnboundIncomplete)
	}
	if w.Body.String() != openBody || w.Header().Get("Content-Length") != "100" || !w.Flushed {
		t.Errorf("body %q, flushed %v, want %q unchanged, flushed", w.Body.String(), w.Flushed, openBody)
	}
}

func TestHandshakeRewriterReturnsTheErrorOfTheWriter(t *testing.T) {
	rewriter := NewHandshakeRewriter(failing{httptest.NewRecorder()}, always(testTag))
	write(rewriter, openBody)
	if _, err := rewriter.Close(); !errors.Is(err, errFailing) {
		t.Errorf("Close = %v, want %v", err, errFailing)
	}
}

func TestHandshakeRewriterPassesTheHeaderToTag(t *testing.T) {
	w := httptest.NewRecorder()
	rewriter := NewHandshakeRewriter(w, func(h http.Header, _ Handshake) string { return h.Get("X-Tag") })
	rewriter.Header().Set("X-Tag", testTag)
	write(rewriter, openBody)
	if _, err := rewriter.Close(); err != nil || w.Body.String() != boundBody {
		t.Errorf("body %q, %v", w.Body.String(), err)
	}
}
