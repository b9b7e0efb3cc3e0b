package core

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCookieAttributes(t *testing.T) {
	cases := []struct {
		name   string
		cookie Cookie
		want   string
	}{
		{"none", Cookie{Name: "srv"}, "srv=T; Path=/; HttpOnly"},
		{
			"all",
			Cookie{Name: "srv", MaxAge: time.Hour, Domain: "example.com", Path: "/io", SameSite: "none", Secure: true, Partitioned: true},
			"srv=T; Path=/io; Domain=example.com; Max-Age=3600; HttpOnly; Secure; SameSite=None; Partitioned",
		},
		{"lax", Cookie{Name: "srv", SameSite: "lax"}, "srv=T; Path=/; HttpOnly; SameSite=Lax"},
		{"strict", Cookie{Name: "srv", SameSite: "strict"}, "srv=T; Path=/; HttpOnly; SameSite=Strict"},
		{"a name that requires secure", Cookie{Name: "__Host-srv", Secure: true, Path: "/"}, "__Host-srv=T; Path=/; HttpOnly; Secure"},
	}
	for _, tc := range cases {
		header := http.Header{"Set-Cookie": {"a=1"}}
		tc.cookie.Add(header, "T")
		if got := strings.Join(header["Set-Cookie"], "|"); tc.cookie.Check() != nil || got != "a=1|"+tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.name, got, tc.cookie.Check(), tc.want)
		}
	}
}

func TestCookieCheckErrors(t *testing.T) {
	cases := []struct {
		name   string
		cookie Cookie
		want   string
	}{
		{"no name", Cookie{}, `cookie ""`},
		{"a name with a space", Cookie{Name: "server id"}, `cookie "server id"`},
		{"a name with a line break", Cookie{Name: "a\r\nb"}, `cookie "a\r\nb"`},
		{"__Secure- without secure", Cookie{Name: "__Secure-a"}, "cookie __Secure-a"},
		{"__host- without secure", Cookie{Name: "__host-a"}, "cookie __host-a"},
		{"__Host- with a domain", Cookie{Name: "__Host-a", Secure: true, Domain: "example.com"}, "cookie __Host-a"},
		{"__Host- with a path", Cookie{Name: "__Host-a", Secure: true, Path: "/io"}, "cookie __Host-a"},
		{"a negative max_age", Cookie{Name: "a", MaxAge: -time.Second}, "max_age -1s"},
		{"half a second", Cookie{Name: "a", MaxAge: 1500 * time.Millisecond}, "max_age 1.5s"},
		{"a domain with a port", Cookie{Name: "a", Domain: "example.com:80"}, `domain "example.com:80"`},
		{"a domain with a semicolon", Cookie{Name: "a", Domain: "example.com; Path=/x"}, `domain "example.com; Path=/x"`},
		{"a path without a slash", Cookie{Name: "a", Path: "io"}, `path "io"`},
		{"a path with a semicolon", Cookie{Name: "a", Path: "/io;x"}, `path "/io;x"`},
		{"an unknown same_site", Cookie{Name: "a", SameSite: "None"}, `same_site "None"`},
		{"same_site none without secure", Cookie{Name: "a", SameSite: "none"}, "same_site none"},
		{"partitioned without secure", Cookie{Name: "a", Partitioned: true}, "partitioned"},
	}
	for _, tc := range cases {
		if err := tc.cookie.Check(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}
