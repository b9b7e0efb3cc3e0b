package core

import (
	"net/http"
	"strings"
)

// ValidCookieName reports whether name is a valid cookie name: a token as defined
// in RFC 9110 section 5.6.2, see RFC 6265 section 4.1.1.
func ValidCookieName(name string) bool {
	const token = "!#$%&'*+-.^_`|~" +
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	return name != "" && strings.TrimLeft(name, token) == ""
}

// CookieValue returns the value of the cookie with this name in the header of a
// request. It returns "" unless the header has exactly one Cookie line and the
// cookie occurs in it exactly once. Clients send a single line (RFC 6265 section
// 5.4), and net/http joins the lines that HTTP/2 and HTTP/3 allow. If the cookie
// occurs twice, it is unknown which one the proxy has set.
func CookieValue(header http.Header, name string) string {
	lines := header["Cookie"]
	if len(lines) != 1 || !strings.Contains(lines[0], name) {
		return ""
	}
	value, count := "", 0
	for _, cookie := range strings.Split(lines[0], ";") {
		if cookieName(cookie) == name {
			_, value, _ = strings.Cut(cookie, "=")
			count++
		}
	}
	if count != 1 {
		return ""
	}
	return strings.Trim(value, " \t")
}

// DropCookie removes the cookies with this name from the header of a request, and
// keeps the others byte for byte. If there are more than 512 cookies, it prepends
// an empty cookie with this name instead, which takes precedence. See
// [ReplaceCookie].
func DropCookie(header http.Header, name string) {
	const field = "Cookie"
	lines := header[field]
	all := strings.Join(lines, ";")
	if !strings.Contains(all, name) {
		return
	}
	if strings.Count(all, ";") >= maxCookies {
		replaceExistingCookie(header, name, "")
		return
	}
	if kept := withoutCookie(lines, name); len(kept) > 0 {
		header[field] = kept
	} else {
		delete(header, field)
	}
}

// cookieSeparator separates the tag from the value of an upstream's own cookie, as
// in the prefix mode of HAProxy. Session IDs, base64 and JSON Web Tokens (RFC
// 7519) do not contain it.
const cookieSeparator = "~"

// SplitCookieValue returns the tag that [PrefixSetCookie] has added to the value
// of an upstream's cookie. It reports false if the value has no tag of this form.
func SplitCookieValue(value string, form TagForm) (tag string, prefixed bool) {
	tag, _, prefixed = strings.Cut(value, cookieSeparator)
	if !prefixed || !form.Valid(tag) {
		return "", false
	}
	return tag, true
}

// UnprefixCookie removes the tags that [PrefixSetCookie] has added from the values
// of the cookies with this name in the header of a request, and keeps everything
// else byte for byte.
func UnprefixCookie(header http.Header, name string, form TagForm) {
	lines := header["Cookie"]
	if !strings.Contains(strings.Join(lines, ";"), name) {
		return
	}
	unprefixed := make([]string, len(lines))
	for i, line := range lines {
		cookies := strings.Split(line, ";")
		for j, cookie := range cookies {
			if cookieName(cookie) == name {
				cookies[j] = unprefix(cookie, form)
			}
		}
		unprefixed[i] = strings.Join(cookies, ";")
	}
	header["Cookie"] = unprefixed
}

// unprefix is UnprefixCookie for a single cookie.
func unprefix(cookie string, form TagForm) string {
	name, value, _ := strings.Cut(cookie, "=")
	bare := strings.TrimLeft(value, " \t")
	tag, prefixed := SplitCookieValue(bare, form)
	if !prefixed {
		return cookie
	}
	return name + "=" + value[:len(value)-len(bare)] + bare[len(tag)+len(cookieSeparator):]
}

// PrefixSetCookie prefixes the values of the cookies with this name in the header
// of a response with a tag. It reports whether the header sets such a cookie.
func PrefixSetCookie(header http.Header, name, tag string) bool {
	found := false
	for i, line := range header["Set-Cookie"] {
		if cookieName(line) == name {
			before, value, _ := strings.Cut(line, "=")
			header["Set-Cookie"][i] = before + "=" + tag + cookieSeparator + strings.TrimLeft(value, " \t")
			found = true
		}
	}
	return found
}

// MarkPrivate adds "Cache-Control: private" (RFC 9111 section 5.2.2.7) to the
// header of a response that sets a cookie for one client, unless the header has
// that or no-store already. Caches obey the most restrictive of conflicting
// directives (section 4.2.1), so those of the upstream can stay.
func MarkPrivate(header http.Header) {
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

// SetCookieValues returns the values of the cookies with this name that the header
// of a response sets, in their order.
func SetCookieValues(header http.Header, name string) []string {
	var values []string
	for _, cookie := range (&http.Response{Header: header}).Cookies() {
		if cookie.Name == name {
			values = append(values, cookie.Value)
		}
	}
	return values
}

// DropSetCookie removes the Set-Cookie lines for this name from the header of a
// response, and keeps the others.
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

// ReplaceCookie sets a cookie in the header of a request. It removes any others
// with this name, and keeps all other cookies byte for byte. The new cookie comes
// first, so that it takes precedence. If there are more than 512 cookies,
// ReplaceCookie removes none.
func ReplaceCookie(header http.Header, name, value string) {
	if len(header["Cookie"]) == 0 {
		header["Cookie"] = []string{name + "=" + value}
		return
	}
	replaceExistingCookie(header, name, value)
}

// maxCookies is the maximum number of cookies of a request to process one by one.
// Browsers keep about 180 for a site.
const maxCookies = 512

// replaceExistingCookie is ReplaceCookie for a header that has cookies. It does not
// process more than maxCookies: under Yaegi, a client could make that take seconds.
func replaceExistingCookie(header http.Header, name, value string) {
	lines := header["Cookie"]
	if all := strings.Join(lines, ";"); strings.Contains(all, name) && strings.Count(all, ";") < maxCookies {
		lines = withoutCookie(lines, name)
		if len(lines) == 0 {
			header["Cookie"] = []string{name + "=" + value}
			return
		}
	}
	// Copy the lines, because other holders of the header may share them.
	replaced := append([]string(nil), lines...)
	replaced[0] = name + "=" + value + "; " + replaced[0]
	header["Cookie"] = replaced
}

// withoutCookie returns the lines of a Cookie header without the cookies with this
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

// cookieName returns the name of a cookie in a Cookie header, or of the cookie that
// a Set-Cookie line sets.
func cookieName(s string) string {
	name, _, _ := strings.Cut(s, "=")
	return strings.Trim(name, " \t")
}
