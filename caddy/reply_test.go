package caddy

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// TestOtherRepliesPassUnchanged sends handshakes to nodes that do not reply with an
// open packet, and compares the reply with the one that the node sends directly.
func TestOtherRepliesPassUnchanged(t *testing.T) {
	open := `0{"sid":"a-1"}`
	cases := []struct {
		name  string
		reply http.HandlerFunc
	}{
		{"an error", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"code":4,"message":"Forbidden"}`)
		}},
		{"an open packet with another status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusAccepted)
			_, _ = io.WriteString(w, open)
		}},
		{"a page", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Set-Cookie", "session=1")
			_, _ = io.WriteString(w, "<!doctype html>")
		}},
		{"a compressed open packet", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, open)
			_ = z.Close()
		}},
		{"a chunked page", func(w http.ResponseWriter, _ *http.Request) {
			for range 5 {
				_, _ = io.WriteString(w, "12")
				_ = http.NewResponseController(w).Flush()
			}
		}},
		{"a truncated open packet", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, open[:9])
		}},
		{"an open packet of more than 64 KiB", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, open+strings.Repeat(" ", 64<<10))
		}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }},
		{"an empty body", func(http.ResponseWriter, *http.Request) {}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			n := httptest.NewServer(tc.reply)
			defer n.Close()
			s := serve(t, "socketio "+n.Listener.Addr().String())
			direct := &server{url: n.URL}
			want, wantBody := direct.raw(t)
			got, gotBody := s.raw(t)
			assert.Equal(t, want.StatusCode, got.StatusCode)
			assert.Equal(t, wantBody, gotBody)
			assert.Equal(t, want.ContentLength, got.ContentLength)
			got.Header.Del("Via")
			for _, header := range []http.Header{want.Header, got.Header} {
				header.Del("Date")
			}
			assert.Equal(t, want.Header, got.Header)
		})
	}
}

// raw sends a handshake and returns the reply without decompressing it.
func (s *server) raw(t *testing.T) (*http.Response, string) {
	t.Helper()
	return s.send(t, http.MethodGet, polling, http.Header{"Accept-Encoding": {"gzip"}})
}

func TestHandshakesAreRequestedUncompressed(t *testing.T) {
	asked := make(chan string, 2)
	n := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.Header.Get("Accept-Encoding")
		_, _ = io.WriteString(w, `0{"sid":"a-1"}`)
	}))
	defer n.Close()
	s := serve(t, `log
		log_append accepted {http.request.header.Accept-Encoding}
		socketio `+n.Listener.Addr().String())
	_, body := s.raw(t)
	assert.Equal(t, "identity", <-asked)
	assert.Contains(t, body, core.NewTagger("").Tag(n.Listener.Addr().String())+".a-1")
	require.Eventually(t, func() bool { return len(s.logged(t, "handled request", `"accepted":"gzip"`)) == 1 }, patience, patience/1000,
		"the handler restores the header")
}

func TestEncodeCompressesTaggedHandshakes(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "encode {\n gzip\n minimum_length 1\n}\nsocketio "+n.address())
	res, body := s.raw(t)
	require.Equal(t, "gzip", res.Header.Get("Content-Encoding"))
	z, err := gzip.NewReader(strings.NewReader(body))
	require.NoError(t, err)
	plain, err := io.ReadAll(z)
	require.NoError(t, err)
	assert.Contains(t, string(plain), core.NewTagger("").Tag(n.address())+".a-1")
}

func TestEndlessRepliesAreStreamed(t *testing.T) {
	stop := make(chan struct{})
	n := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for {
			select {
			case <-stop:
				return
			case <-r.Context().Done():
				return
			default:
				_, _ = io.WriteString(w, strings.Repeat("1", 1000))
			}
		}
	}))
	defer n.Close()
	defer close(stop)
	s := serve(t, "socketio "+n.Listener.Addr().String())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/?"+polling, http.NoBody)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	read, err := io.CopyN(io.Discard, res.Body, 10<<20)
	require.NoError(t, err)
	assert.EqualValues(t, 10<<20, read)
}

func TestATruncatedReplyStaysTruncated(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(conn))
			_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nX-Node: a\r\nContent-Length: 100\r\n\r\n0{\"sid\":\"a-")
			_ = conn.Close()
		}
	}()
	s := serve(t, "socketio "+listener.Addr().String())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/?"+polling, http.NoBody)
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	assert.Equal(t, `0{"sid":"a-`, string(body))
	assert.Equal(t, "a", res.Header.Get("X-Node"))
	assert.EqualValues(t, 100, res.ContentLength)
}
