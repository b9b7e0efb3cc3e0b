package core

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Cookie is a cookie that gives a client back to its upstream: what RFC 6265
// section 4.1 says of it beside its value. Scripts never see it (HttpOnly).
type Cookie struct {
	// Name is a token. Required.
	Name string

	// MaxAge is for how long clients keep the cookie, in whole seconds. When
	// it is 0, they keep it until they end.
	MaxAge time.Duration

	// Domain has the hosts that get the cookie: this one and all below it.
	// When it is empty, only the host that was asked.
	Domain string

	// Path begins the paths that get the cookie. When it is empty, it is "/".
	Path string

	// SameSite says whether requests from pages of other sites get the cookie:
	// "none" for all of them, "lax" for following a link only, "strict" for
	// none. When it is empty, it is what the client takes it for.
	SameSite string

	// Secure has the cookie sent over HTTPS only.
	Secure bool

	// Partitioned has the client keep one cookie for each site whose pages ask
	// (CHIPS, draft-cutler-httpbis-partitioned-cookies). It needs Secure.
	Partitioned bool
}

// sameSites has the values of SameSite.
var sameSites = map[string]http.SameSite{
	"":       0,
	"none":   http.SameSiteNoneMode,
	"lax":    http.SameSiteLaxMode,
	"strict": http.SameSiteStrictMode,
}

// Check returns an error that names what cannot be in a cookie, or would have
// every browser refuse it.
func (c Cookie) Check() error {
	if !ValidCookieName(c.Name) {
		return fmt.Errorf("cookie %q: that cannot be the name of a cookie", c.Name)
	}
	// A name with such a prefix is a promise (RFC 6265bis section 4.1.3).
	lower := strings.ToLower(c.Name)
	if !c.Secure && (strings.HasPrefix(lower, "__secure-") || strings.HasPrefix(lower, "__host-")) {
		return fmt.Errorf("cookie %s: a cookie of that name has to be secure", c.Name)
	}
	if strings.HasPrefix(lower, "__host-") && (c.Domain != "" || c.Path != "" && c.Path != "/") {
		return fmt.Errorf("cookie %s: a cookie of that name has no domain, and the path /", c.Name)
	}
	return c.checkAttributes()
}

// checkAttributes is Check for all but the name.
func (c Cookie) checkAttributes() error {
	if c.MaxAge < 0 || c.MaxAge%time.Second != 0 {
		return fmt.Errorf("cookie max_age %s: it has to be whole seconds, and more than none", c.MaxAge)
	}
	other := c.cookie("") //nolint:gosec // it is only looked at
	other.Path, other.Partitioned = "", false
	if other.Valid() != nil {
		return fmt.Errorf("cookie domain %q: that cannot be the domain of a cookie", c.Domain)
	}
	other.Path, other.Domain = c.Path, ""
	if c.Path != "" && c.Path[0] != '/' || other.Valid() != nil {
		return fmt.Errorf("cookie path %q: that cannot be the path of a cookie", c.Path)
	}
	if _, known := sameSites[c.SameSite]; !known {
		return fmt.Errorf("cookie same_site %q: want none, lax or strict", c.SameSite)
	}
	if c.SameSite == "none" && !c.Secure {
		return fmt.Errorf("cookie same_site none: no browser keeps such a cookie unless it is secure too")
	}
	if c.Partitioned && !c.Secure {
		return fmt.Errorf("cookie partitioned: no browser keeps such a cookie unless it is secure too")
	}
	return nil
}

// Add adds the cookie with a value, a tag of one level, to a reply's headers.
func (c Cookie) Add(header http.Header, tag string) {
	cookie := c.cookie(tag)
	header.Add("Set-Cookie", cookie.String())
}

// cookie returns the cookie with a value.
func (c Cookie) cookie(value string) http.Cookie {
	path := c.Path
	if path == "" {
		path = "/"
	}
	return http.Cookie{ //nolint:gosec // what is secure is the configuration's to say
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
