package core

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Cookie has the name and the attributes (RFC 6265 section 4.1) of a cookie that
// pins a client to its upstream. Its value is a tag. It is always HttpOnly.
type Cookie struct {
	// Name is the name of the cookie. Required.
	Name string

	// MaxAge is how long clients keep the cookie, in whole seconds. Default: until
	// the client exits.
	MaxAge time.Duration

	// Domain is the domain that clients send the cookie to, including its
	// subdomains. Default: only the host of the request.
	Domain string

	// Path is the prefix of the paths that clients send the cookie to. Default: "/".
	Path string

	// SameSite is which requests from pages of other sites carry the cookie: "none"
	// for all of them, "lax" for following a link only, "strict" for no request.
	// Default: the attribute is not set, and the client decides.
	SameSite string

	// Secure restricts the cookie to HTTPS.
	Secure bool

	// Partitioned makes the client keep one cookie for each top-level site (CHIPS,
	// draft-cutler-httpbis-partitioned-cookies). It requires Secure.
	Partitioned bool
}

// sameSites maps the values of SameSite to those of net/http.
var sameSites = map[string]http.SameSite{
	"":       0,
	"none":   http.SameSiteNoneMode,
	"lax":    http.SameSiteLaxMode,
	"strict": http.SameSiteStrictMode,
}

// Check returns an error for a name or an attribute that is not valid in a cookie,
// or with which browsers reject the cookie.
func (c Cookie) Check() error {
	if !ValidCookieName(c.Name) {
		return fmt.Errorf("cookie %q: not a valid cookie name", c.Name)
	}
	// Browsers enforce these prefixes (RFC 6265bis section 4.1.3).
	lower := strings.ToLower(c.Name)
	if !c.Secure && (strings.HasPrefix(lower, "__secure-") || strings.HasPrefix(lower, "__host-")) {
		return fmt.Errorf("cookie %s: a name with this prefix requires secure", c.Name)
	}
	if strings.HasPrefix(lower, "__host-") && (c.Domain != "" || c.Path != "" && c.Path != "/") {
		return fmt.Errorf("cookie %s: a name with this prefix requires the path / and no domain", c.Name)
	}
	return c.checkAttributes()
}

// checkAttributes checks everything but the name.
func (c Cookie) checkAttributes() error {
	if c.MaxAge < 0 || c.MaxAge%time.Second != 0 {
		return fmt.Errorf("cookie max_age %s: must be a positive number of whole seconds", c.MaxAge)
	}
	other := c.cookie("") //nolint:gosec // it is only validated
	other.Path, other.Partitioned = "", false
	if other.Valid() != nil {
		return fmt.Errorf("cookie domain %q: not a valid cookie domain", c.Domain)
	}
	other.Path, other.Domain = c.Path, ""
	if c.Path != "" && c.Path[0] != '/' || other.Valid() != nil {
		return fmt.Errorf("cookie path %q: not a valid cookie path", c.Path)
	}
	if _, known := sameSites[c.SameSite]; !known {
		return fmt.Errorf("cookie same_site %q: must be none, lax or strict", c.SameSite)
	}
	if c.SameSite == "none" && !c.Secure {
		return fmt.Errorf("cookie same_site none: requires secure, or browsers reject the cookie")
	}
	if c.Partitioned && !c.Secure {
		return fmt.Errorf("cookie partitioned: requires secure, or browsers reject the cookie")
	}
	return nil
}

// Add adds a Set-Cookie field to the header of a response. The value of the cookie
// is a tag with one level.
func (c Cookie) Add(header http.Header, tag string) {
	cookie := c.cookie(tag)
	header.Add("Set-Cookie", cookie.String())
}

// cookie returns the cookie with this value.
func (c Cookie) cookie(value string) http.Cookie {
	path := c.Path
	if path == "" {
		path = "/"
	}
	return http.Cookie{ //nolint:gosec // the configuration decides about secure
		Name:        c.Name,
		Value:       value,
		MaxAge:      int(c.MaxAge / time.Second),
		Domain:      c.Domain,
		Path:        path,
		SameSite:    sameSites[c.SameSite],
		Secure:      c.Secure,
		Partitioned: c.Partitioned,
		HttpOnly:    true,
	}
}
