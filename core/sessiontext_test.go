package core

import (
	"fmt"
	"testing"
)

func TestParseSessionText(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		sid        string
		versions   string
	}{
		{"a URL", "https://chat.example.com/socket.io/?EIO=4&transport=polling&sid=abc", "abc", "[4]"},
		{"a path with a query", "/socket.io/?EIO=3&transport=polling&sid=abc", "abc", "[3]"},
		{"a query", "EIO=4&transport=polling&sid=abc", "abc", "[4]"},
		{"a URL with a fragment", "http://a/?EIO=4&sid=abc#top", "abc", "[4]"},
		{"a URL of a handshake", "/socket.io/?EIO=4&transport=polling", "", "[4]"},
		{"a query without a version", "transport=polling&sid=abc", "abc", "[4 3]"},
		{"a session ID", "AAAAAAAAAAA.abc", "AAAAAAAAAAA.abc", "[4 3]"},
		{"a session ID with space around it", " abc\n", "abc", "[4 3]"},
		{"a session ID with bytes of a query", "a+b/c=&d", "a%2Bb%2Fc%3D%26d", "[4 3]"},
		{"a session ID that is encoded", "a%2Bb", "a%2Bb", "[4 3]"},
		{"a URL without a session", "https://chat.example.com/", "", "[]"},
		{"a URL of another request", "/page?x=1", "", "[]"},
		{"nothing", "", "", "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var versions []int
			for _, req := range ParseSessionText(tc.text) {
				versions = append(versions, req.Version)
				if req.SID != tc.sid {
					t.Errorf("session ID %q, want %q", req.SID, tc.sid)
				}
			}
			if got := fmt.Sprint(versions); got != tc.versions {
				t.Errorf("versions %s, want %s", got, tc.versions)
			}
		})
	}
}
