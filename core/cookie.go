package core

import (
	"net/http"
	"strings"
)

// ValidCookieName reports whether name can be that of a cookie: a token of RFC
// 6265 section 4.1.1, which is that of RFC 9110 section 5.6.2.
func ValidCookieName(name string) bool {
	const token = "!#$%&'*+-.^_`|~" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return name != "" && strings.TrimLeft(name, token) == ""
}

// SetCookieValue returns the value that a reply's headers give the cookie of a
// name, or "" when they give none. Of two with one name, browsers keep the
// last, and so does this.
func SetCookieValue(header http.Header, name string) string {
	value := ""
	for _, cookie := range (&http.Response{Header: header}).Cookies() {
		if cookie.Name == name {
			value = cookie.Value
		}
	}
	return value
}

// DropSetCookie takes the cookies of a name out of a reply's headers, and
// leaves the others as they are.
func DropSetCookie(header http.Header, name string) {
	const field = "Set-Cookie"
	var kept []string
	for _, line := range header[field] {
		if cookieName(line) != name {
			kept = append(kept, line)
		}
	}
	if kept == nil {
		delete(header, field)
		return
	}
	header[field] = kept
}

// ReplaceCookie gives a request's headers one cookie of a name, in the place of
// any that they have, and leaves the others byte for byte as they are.
func ReplaceCookie(header http.Header, name, value string) {
	if len(header["Cookie"]) == 0 {
		header["Cookie"] = []string{name + "=" + value}
		return
	}
	replaceAmong(header, name, value)
}

// replaceAmong is ReplaceCookie for headers with cookies.
func replaceAmong(header http.Header, name, value string) {
	lines := header["Cookie"]
	if strings.Contains(strings.Join(lines, ";"), name) {
		lines = withoutCookie(lines, name)
		if len(lines) == 0 {
			header["Cookie"] = []string{name + "=" + value}
			return
		}
	}
	// It comes first, as that is the one that counts where there are two. The
	// lines may be shared with whoever else has the request's headers.
	replaced := append([]string(nil), lines...)
	replaced[0] = name + "=" + value + "; " + replaced[0]
	header["Cookie"] = replaced
}

// withoutCookie returns the lines of a Cookie header without the cookies of a
// name.
func withoutCookie(lines []string, name string) []string {
	var kept []string
	for _, line := range lines {
		var cookies []string
		for _, cookie := range strings.Split(line, ";") {
			if cookieName(cookie) != name {
				cookies = append(cookies, cookie)
			}
		}
		if len(cookies) > 0 {
			kept = append(kept, strings.TrimLeft(strings.Join(cookies, ";"), " \t"))
		}
	}
	return kept
}

// cookieName returns the name of the cookie that a part of a Cookie header, or
// a Set-Cookie header, begins with.
func cookieName(s string) string {
	name, _, _ := strings.Cut(s, "=")
	return strings.Trim(name, " \t")
}
