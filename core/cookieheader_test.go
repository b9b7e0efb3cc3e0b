package core

import (
	"net/http"
	"strings"
	"testing"
)

func TestReplaceCookie(t *testing.T) {
	cases := []struct {
		name         string
		lines        []string
		want         string // the lines, joined by a newline
		cookie, gets string
	}{
		{"no header", nil, "srv=T", "srv", "T"},
		{"an empty header", []string{""}, "srv=T; ", "srv", "T"},
		{"another cookie", []string{"a=1"}, "srv=T; a=1", "srv", "T"},
		{"others, oddly written", []string{`a="1 2";b;; c=d=e`}, `srv=T; a="1 2";b;; c=d=e`, "srv", "T"},
		{"the same cookie", []string{"srv=old"}, "srv=T", "srv", "T"},
		{"the same cookie first", []string{"srv=old; a=1"}, "srv=T; a=1", "srv", "T"},
		{"the same cookie between", []string{"a=1; srv=old; b=2"}, "srv=T; a=1; b=2", "srv", "T"},
		{"the same cookie twice", []string{"srv=x; a=1;srv=y"}, "srv=T; a=1", "srv", "T"},
		{"the same cookie with spaces", []string{"a=1;  srv =x"}, "srv=T; a=1", "srv", "T"},
		{"a longer name", []string{"xsrv=1; srv2=2"}, "srv=T; xsrv=1; srv2=2", "srv", "T"},
		{"the name in a value", []string{"a=srv=1"}, "srv=T; a=srv=1", "srv", "T"},
		{"several lines", []string{"a=1", "srv=x", "b=2"}, "srv=T; a=1\nb=2", "srv", "T"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			header := http.Header{}
			if tc.lines != nil {
				header["Cookie"] = tc.lines
			}
			before := strings.Join(tc.lines, "\n")
			ReplaceCookie(header, tc.cookie, tc.gets)
			if got := strings.Join(header["Cookie"], "\n"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if strings.Join(tc.lines, "\n") != before {
				t.Error("the lines themselves were changed")
			}
			cookie, err := (&http.Request{Header: header}).Cookie(tc.cookie)
			if err != nil || cookie.Value != tc.gets {
				t.Errorf("read back: %v, %v", cookie, err)
			}
		})
	}
}

func TestSetCookies(t *testing.T) {
	header := http.Header{"Set-Cookie": {"a=1; Path=/", "srv=first; Path=/", "srv2=2", " srv=last; HttpOnly"}}
	if got := SetCookieValue(header, "srv"); got != "last" {
		t.Errorf("SetCookieValue = %q, want the last", got)
	}
	if got := SetCookieValue(header, "sr"); got != "" {
		t.Errorf("SetCookieValue of another name = %q", got)
	}
	DropSetCookie(header, "srv")
	if got := strings.Join(header["Set-Cookie"], "|"); got != "a=1; Path=/|srv2=2" {
		t.Errorf("left %q", got)
	}
	DropSetCookie(header, "a")
	DropSetCookie(header, "srv2")
	if _, left := header["Set-Cookie"]; left {
		t.Error("an empty header is left")
	}
}

func TestValidCookieName(t *testing.T) {
	for _, name := range []string{"server_id", "io", "__Host-x", "a.b"} {
		if !ValidCookieName(name) {
			t.Errorf("%q is refused", name)
		}
	}
	for _, name := range []string{"", "a b", "a;b", "a=b", "a,b", "ä", "a\r\n", `"a"`} {
		if ValidCookieName(name) {
			t.Errorf("%q is taken", name)
		}
	}
}
