package core

import (
	"net/http"
	"strings"
	"testing"
)

func TestReplaceCookie(t *testing.T) {
	cases := []struct {
		name          string
		lines         []string
		want          string // the lines, joined by a newline
		cookie, value string
	}{
		{"no header", nil, "srv=T", "srv", "T"},
		{"an empty header", []string{""}, "srv=T; ", "srv", "T"},
		{"another cookie", []string{"a=1"}, "srv=T; a=1", "srv", "T"},
		{"others with unusual syntax", []string{`a="1 2";b;; c=d=e`}, `srv=T; a="1 2";b;; c=d=e`, "srv", "T"},
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
			ReplaceCookie(header, tc.cookie, tc.value)
			if got := strings.Join(header["Cookie"], "\n"); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if strings.Join(tc.lines, "\n") != before {
				t.Error("the slice of the caller was changed")
			}
			cookie, err := (&http.Request{Header: header}).Cookie(tc.cookie)
			if err != nil || cookie.Value != tc.value {
				t.Errorf("read back: %v, %v", cookie, err)
			}
		})
	}
}

// requestCookies are Cookie headers, and the expected results of the functions
// that read and change them.
var requestCookies = []struct {
	name       string
	lines      []string
	value      string // of srv
	dropped    string // the lines without srv, joined by a newline
	unprefixed string // the lines without the tag in srv, joined by a newline
}{
	{"no header", nil, "", "", ""},
	{"the cookie alone", []string{"srv=T"}, "T", "", "srv=T"},
	{"the cookie with a tag", []string{"srv=T~v"}, "T~v", "", "srv=v"},
	{"the cookie first", []string{"srv=T~v; a=1"}, "T~v", "a=1", "srv=v; a=1"},
	{"the cookie between", []string{`a="1 2";  b;srv=T~v ;; c=d=e `}, "T~v", `a="1 2";  b;; c=d=e `, `a="1 2";  b;srv=v ;; c=d=e `},
	{"the cookie last", []string{"a=1; srv=T~v~w"}, "T~v~w", "a=1", "a=1; srv=v~w"},
	{"the cookie with spaces", []string{"a=1;  srv =\t T~ v "}, "T~ v", "a=1", "a=1;  srv =\t  v "},
	{"the cookie in quotes", []string{`srv="T~v"`}, `"T~v"`, "", `srv="T~v"`},
	{"the cookie twice", []string{"srv=T~v; a=1; srv=U~w"}, "", "a=1", "srv=v; a=1; srv=w"},
	{"several lines", []string{"a=1", "srv=T~v; b=2", "c=3"}, "", "a=1\nb=2\nc=3", "a=1\nsrv=v; b=2\nc=3"},
	{"several lines, and twice", []string{"srv=T~v", "srv=U~w"}, "", "", "srv=v\nsrv=w"},
	{"no such cookie", []string{"a=srv; xsrv=T~1; srv2=T~2"}, "", "a=srv; xsrv=T~1; srv2=T~2", "a=srv; xsrv=T~1; srv2=T~2"},
	{"another case", []string{"SRV=T~v"}, "", "SRV=T~v", "SRV=T~v"},
	{"a bad tag", []string{"srv=T.U~v"}, "T.U~v", "", "srv=T.U~v"},
	{"no tag", []string{"srv=~v"}, "~v", "", "srv=~v"},
	{"an over-long tag", []string{"srv=" + strings.Repeat("x", 65) + "~v"}, strings.Repeat("x", 65) + "~v", "", "srv=" + strings.Repeat("x", 65) + "~v"},
	{"no value", []string{"srv"}, "", "", "srv"},
	{"an empty value", []string{"srv="}, "", "", "srv="},
}

func TestRequestCookies(t *testing.T) {
	for _, tc := range requestCookies {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			newHeader := func() http.Header {
				if tc.lines == nil {
					return http.Header{}
				}
				return http.Header{"Cookie": tc.lines}
			}
			before := strings.Join(tc.lines, "\n")
			if got := CookieValue(newHeader(), "srv"); got != tc.value {
				t.Errorf("value %q, want %q", got, tc.value)
			}
			header := newHeader()
			DropCookie(header, "srv")
			if got := strings.Join(header["Cookie"], "\n"); got != tc.dropped {
				t.Errorf("dropped: %q, want %q", got, tc.dropped)
			}
			if lines, left := header["Cookie"]; left && len(lines) == 0 {
				t.Error("an empty field is left")
			}
			header = newHeader()
			UnprefixCookie(header, "srv", oneLetterTags(1))
			if got := strings.Join(header["Cookie"], "\n"); got != tc.unprefixed {
				t.Errorf("unprefixed: %q, want %q", got, tc.unprefixed)
			}
			if strings.Join(tc.lines, "\n") != before {
				t.Error("the slice of the caller was changed")
			}
		})
	}
}

// A loop over more cookies than that could take seconds under Yaegi. So DropCookie
// prepends an empty one instead.
func TestDropCookieAmongMoreThanMaxCookies(t *testing.T) {
	header := http.Header{"Cookie": {strings.Repeat("a=1; ", maxCookies) + "srv=T"}}
	DropCookie(header, "srv")
	cookie, err := (&http.Request{Header: header}).Cookie("srv")
	if err != nil || cookie.Value != "" {
		t.Errorf("the cookie is %v, %v, want an empty one", cookie, err)
	}
}

func TestPrefixSetCookie(t *testing.T) {
	header := http.Header{"Set-Cookie": {"a=1", "io=abc; Path=/; HttpOnly; SameSite=Lax", "io2=x", "io=", "io= x"}}
	if !PrefixSetCookie(header, "io", "T") {
		t.Error("the cookie was not found")
	}
	want := "a=1|io=T~abc; Path=/; HttpOnly; SameSite=Lax|io2=x|io=T~|io=T~x"
	if got := strings.Join(header["Set-Cookie"], "|"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if PrefixSetCookie(header, "b", "T") || PrefixSetCookie(http.Header{}, "io", "T") {
		t.Error("a missing cookie was found")
	}
	for value, want := range map[string]string{"T~abc": "T", "T~": "T", "abc": "", "a.b~c": "", "~": "", "": ""} {
		tag, prefixed := SplitCookieValue(value, oneLetterTags(1))
		if tag != want || prefixed != (want != "") {
			t.Errorf("SplitCookieValue(%q) = %q, %v, want %q", value, tag, prefixed, want)
		}
	}
}

func TestMarkPrivate(t *testing.T) {
	cases := []struct{ lines, want string }{
		{"", "private"},
		{"no-store", "no-store"},
		{"max-age=5, Private", "max-age=5, Private"},
		{"no-cache|private", "no-cache|private"},
		{"public, max-age=5", "public, max-age=5|private"},
		{`private="x"`, `private="x"|private`},
		{"xprivate", "xprivate|private"},
	}
	for _, tc := range cases {
		header := http.Header{}
		if tc.lines != "" {
			header["Cache-Control"] = strings.Split(tc.lines, "|")
		}
		MarkPrivate(header)
		if got := strings.Join(header["Cache-Control"], "|"); got != tc.want {
			t.Errorf("%q became %q, want %q", tc.lines, got, tc.want)
		}
	}
}

func TestSetCookies(t *testing.T) {
	header := http.Header{"Set-Cookie": {"a=1; Path=/", "srv=first; Path=/", "srv2=2", " srv=last; HttpOnly"}}
	if got := strings.Join(SetCookieValues(header, "srv"), "|"); got != "first|last" {
		t.Errorf("SetCookieValues = %q, want both in order", got)
	}
	if got := SetCookieValues(header, "sr"); len(got) > 0 {
		t.Errorf("SetCookieValues of another name = %q", got)
	}
	DropSetCookie(header, "srv")
	if got := strings.Join(header["Set-Cookie"], "|"); got != "a=1; Path=/|srv2=2" {
		t.Errorf("left %q", got)
	}
	DropSetCookie(header, "a")
	DropSetCookie(header, "srv2")
	if _, left := header["Set-Cookie"]; left {
		t.Error("an empty field is left")
	}
}

func TestValidCookieName(t *testing.T) {
	for _, name := range []string{"server_id", "io", "__Host-x", "a.b"} {
		if !ValidCookieName(name) {
			t.Errorf("%q is invalid", name)
		}
	}
	for _, name := range []string{"", "a b", "a;b", "a=b", "a,b", "ä", "a\r\n", `"a"`} {
		if ValidCookieName(name) {
			t.Errorf("%q is valid", name)
		}
	}
}
