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

// CookieValue returns the value of the cookie of a name in a request's headers.
// It is "" unless they have it just once and in one line, as every client sends
// it (RFC 6265 section 5.4; the pieces that HTTP/2 and HTTP/3 allow are joined
// by the server): of two, nobody can tell whose it is.
func CookieValue(header http.Header, name string) string {
	lines := header["Cookie"]
	if len(lines) != 1 || !strings.Contains(lines[0], name) {
		return ""
	}
	value, times := "", 0
	for _, cookie := range strings.Split(lines[0], ";") {
		if cookieName(cookie) == name {
			_, value, _ = strings.Cut(cookie, "=")
			times++
		}
	}
	if times != 1 {
		return ""
	}
	return strings.Trim(value, " \t")
}

// DropCookie takes the cookies of a name out of a request's headers, and leaves
// the others byte for byte as they are. Where there are more cookies than there
// can be, it puts an empty one of the name in front of them, which is the one
// that counts: see [ReplaceCookie].
func DropCookie(header http.Header, name string) {
	const field = "Cookie"
	lines := header[field]
	all := strings.Join(lines, ";")
	if !strings.Contains(all, name) {
		return
	}
	if strings.Count(all, ";") >= maxCookies {
		replaceAmong(header, name, "")
		return
	}
	if kept := withoutCookie(lines, name); len(kept) > 0 {
		header[field] = kept
	} else {
		delete(header, field)
	}
}

// cookieMark stands between a tag and the value of a node's own cookie, as it
// does in HAProxy's prefix mode. Session IDs, base64 and tokens of JSON (RFC
// 7519) have none.
const cookieMark = "~"

// SplitCookie takes the tag of a form off the value of a node's own cookie. It
// reports false when there is none.
func SplitCookie(value string, form TagForm) (tag string, prefixed bool) {
	tag, _, prefixed = strings.Cut(value, cookieMark)
	if !prefixed || !form.Valid(tag) {
		return "", false
	}
	return tag, true
}

// UnprefixCookie takes the tag of a form off the values of the cookies of a name
// in a request's headers, as [PrefixSetCookie] has put it there, and leaves all
// else byte for byte as it is.
func UnprefixCookie(header http.Header, name string, form TagForm) {
	lines := header["Cookie"]
	if !strings.Contains(strings.Join(lines, ";"), name) {
		return
	}
	unprefixed := make([]string, len(lines))
	for i, line := range lines {
		cookies := strings.Split(line, ";")
		for at, cookie := range cookies {
			if cookieName(cookie) == name {
				cookies[at] = unprefix(cookie, form)
			}
		}
		unprefixed[i] = strings.Join(cookies, ";")
	}
	header["Cookie"] = unprefixed
}

// unprefix is UnprefixCookie for one cookie.
func unprefix(cookie string, form TagForm) string {
	name, value, _ := strings.Cut(cookie, "=")
	bare := strings.TrimLeft(value, " \t")
	tag, prefixed := SplitCookie(bare, form)
	if !prefixed {
		return cookie
	}
	return name + "=" + value[:len(value)-len(bare)] + bare[len(tag)+len(cookieMark):]
}

// PrefixSetCookie puts a tag in front of the values that a reply's headers give
// the cookie of a name. It reports whether there was one.
func PrefixSetCookie(header http.Header, name, tag string) bool {
	found := false
	for i, line := range header["Set-Cookie"] {
		if cookieName(line) == name {
			before, value, _ := strings.Cut(line, "=")
			header["Set-Cookie"][i] = before + "=" + tag + cookieMark + strings.TrimLeft(value, " \t")
			found = true
		}
	}
	return found
}

// KeepPrivate has no cache share a reply whose headers give a cookie to one
// client (RFC 9111 section 5.2.2.7). Where directives contradict each other, the
// strictest counts (section 4.2.1), so what the node says can stay.
func KeepPrivate(header http.Header) {
	const field = "Cache-Control"
	for _, line := range header[field] {
		for _, directive := range strings.Split(line, ",") {
			switch strings.ToLower(strings.Trim(directive, " \t")) {
			case "private", "no-store":
				return
			}
		}
	}
	header[field] = append(header[field], "private")
}

// SetCookieValues returns the values that a reply's headers give the cookie of a
// name, in their order.
func SetCookieValues(header http.Header, name string) []string {
	var values []string
	for _, cookie := range (&http.Response{Header: header}).Cookies() {
		if cookie.Name == name {
			values = append(values, cookie.Value)
		}
	}
	return values
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
// any that they have, and leaves the others byte for byte as they are. The new
// one comes first.
func ReplaceCookie(header http.Header, name, value string) {
	if len(header["Cookie"]) == 0 {
		header["Cookie"] = []string{name + "=" + value}
		return
	}
	replaceAmong(header, name, value)
}

// maxCookies is how many cookies of a request are looked at one by one. No
// client has as many: browsers keep about 180 for a site.
const maxCookies = 512

// replaceAmong is ReplaceCookie for headers with cookies. Of more cookies than
// there can be it leaves all, those of the name too: where it is interpreted, a
// client could make it take seconds to look at them.
func replaceAmong(header http.Header, name, value string) {
	lines := header["Cookie"]
	if all := strings.Join(lines, ";"); strings.Contains(all, name) && strings.Count(all, ";") < maxCookies {
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
