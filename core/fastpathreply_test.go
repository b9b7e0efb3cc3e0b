package core

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const nodeBody = `0{"sid":"rYvVOSuxstMYwaX_AAAA","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`

func TestOpenPacketPatternMatchesRecordedHandshakes(t *testing.T) {
	for _, file := range []string{"v4-polling.txt", "v4-allow-eio3-eio4.txt"} {
		if !openPacketPattern.Match(readBody(t, file)) {
			t.Errorf("%s is not", file)
		}
	}
}

func TestBindFastPath(t *testing.T) {
	w := httptest.NewRecorder()
	rewriter := &HandshakeRewriter{ResponseWriter: w}
	header := rewriter.Header()
	header.Set("Content-Length", "1")
	header.Set("Set-Cookie", "srv=T")
	header.Set("X-Node", "a")
	rewriter.WriteHeader(http.StatusOK)
	write(rewriter, nodeBody)
	if !BindFastPath(rewriter, header, testTag, "Set-Cookie") {
		t.Fatal("it is not stock")
	}
	rewriter.Abort()
	if want := strings.Replace(nodeBody, `"r`, `"`+testTag+".r", 1); w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("got %d %q, want %q", w.Code, w.Body.String(), want)
	}
	if header.Get("Content-Length") != "" || header.Get("Set-Cookie") != "" || header.Get("X-Node") != "a" {
		t.Errorf("headers %v", header)
	}
	if opened, err := rewriter.Close(); opened || err != nil {
		t.Errorf("Close = %v, %v after the end", opened, err)
	}
}

func TestBindFastPathLeavesOtherRepliesToClose(t *testing.T) {
	cases := []struct {
		name  string
		reply http.HandlerFunc
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}},
		{"no body", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }},
		{"another status", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			write(w, nodeBody)
		}},
		{"a status that comes late", func(w http.ResponseWriter, _ *http.Request) {
			write(w, "x")
			w.WriteHeader(http.StatusOK)
			write(w, nodeBody)
		}},
		{"another shape", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			write(w, `0{"x":1,"sid":"a"}`)
		}},
		{"two pieces", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			write(w, nodeBody)
			write(w, "\x1e40")
		}},
		{"two packets, the second one stock", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusOK)
			write(w, "2")
			write(w, nodeBody)
		}},
		{"an encoding", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusOK)
			write(w, nodeBody)
		}},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			plain := httptest.NewRecorder()
			tc.reply(plain, nil)
			w := httptest.NewRecorder()
			rewriter := NewHandshakeRewriter(w, always(""))
			tc.reply(rewriter, nil)
			if BindFastPath(rewriter, rewriter.Header(), testTag, "X-Node") {
				t.Fatal("it was taken for stock")
			}
			if _, err := rewriter.Close(); err != nil {
				t.Fatal(err)
			}
			if w.Code != plain.Code || w.Body.String() != plain.Body.String() {
				t.Errorf("got %d %q, want %d %q", w.Code, w.Body.String(), plain.Code, plain.Body.String())
			}
		})
	}
}

// FuzzBindFastPath: what a match takes for an open packet is one, and is bound as
// the functions would bind it that read any.
func FuzzBindFastPath(f *testing.F) {
	for _, h := range readRecorded(f) {
		f.Add(readBody(f, h.File))
	}
	f.Add([]byte(`0{"sid":"sid","upgrades":[],"pingInterval":0}`))
	f.Add([]byte(`0{"sid":"sid","upgrades":[],"pingTimeout":1,"pingInterval":9999999999,"pingTimeout":2}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		rewriter := &HandshakeRewriter{ResponseWriter: w}
		rewriter.WriteHeader(http.StatusOK)
		if n, err := rewriter.Write(body); err != nil || n != len(body) {
			t.Fatal(n, err)
		}
		if !BindFastPath(rewriter, rewriter.Header(), testTag, "") {
			return
		}
		packet, ok := findInPayload(body)
		if !ok || packet != readMatchedPacket(body) || packet.SID == "" || len(packet.SID) > maxSID || len(body) > maxBuffered {
			t.Fatalf("%q is not one that can be bound: %+v", body, packet)
		}
		if want := packet.bind(body, testTag); w.Body.String() != string(want) {
			t.Fatalf("%q became %q, want %q", body, w.Body.String(), want)
		}
	})
}
