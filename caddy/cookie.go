package caddy

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eio-affinity/affinity/core"
)

// The values of Cookie.Mode.
const (
	cookieInsert = "insert"
	cookiePrefix = "prefix"
)

// defaultCookieName is the name in Socket.IO's own examples.
const defaultCookieName = "server_id"

// Cookie configures a cookie with the tag of the client's upstream. With it, a
// client that reconnects returns to its upstream while that one is available,
// and requests without a session ID, Socket.IO's and others, go there too. The
// session ID takes precedence over the cookie.
type Cookie struct {
	// The name of the cookie. Required in mode `prefix`. Default: `server_id` in
	// mode `insert`.
	Name string `json:"name,omitempty"`

	// Who sets the cookie. `insert`: the proxy sets it to the upstream's tag, in
	// replies to requests without a session ID, unless the client already has
	// that tag or the reply is an error. It is removed from requests to the
	// upstreams, and a cookie of the same name is removed from their replies.
	// `prefix`: the upstreams set it, such as Engine.IO's `io`. The proxy adds
	// the tag and a `~` before its value in replies, and removes them from
	// requests. The upstreams then set the attributes below. Default: `insert`.
	Mode string `json:"mode,omitempty"`

	// How long clients keep the cookie, in whole seconds. Default: until the
	// client ends (a session cookie).
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// The domain to whose hosts clients send the cookie. Default: only the host
	// of the request.
	Domain string `json:"domain,omitempty"`

	// The path prefix under which clients send the cookie. Default: `/`.
	Path string `json:"path,omitempty"`

	// Whether browsers send the cookie with requests from pages of other sites:
	// `none` (always; requires `secure`), `lax` (when the user follows a link) or
	// `strict` (never). Default: no attribute, which most browsers treat as `lax`.
	SameSite string `json:"same_site,omitempty"`

	// Whether clients send the cookie only over HTTPS. Default: `false`.
	Secure bool `json:"secure,omitempty"`

	// Whether browsers keep a separate cookie for each site whose pages connect
	// (CHIPS), which they do even when they block third-party cookies. Requires
	// `secure`. Default: `false`.
	Partitioned bool `json:"partitioned,omitempty"`

	// issued is the cookie of mode insert.
	issued core.Cookie
}

// provision applies the defaults, and returns an error if the cookie is not valid.
func (c *Cookie) provision() error {
	switch c.Mode {
	case "":
		c.Mode = cookieInsert
	case cookieInsert, cookiePrefix:
	default:
		return fmt.Errorf("cookie mode %q: must be insert or prefix", c.Mode)
	}
	if c.Mode == cookiePrefix {
		if err := c.checkPrefix(); err != nil {
			return err
		}
	} else if c.Name == "" {
		c.Name = defaultCookieName
	}
	c.issued = c.attributes()
	c.issued.Name = c.Name
	return c.issued.Check()
}

// attributes returns the cookie without its name.
func (c *Cookie) attributes() core.Cookie {
	return core.Cookie{
		MaxAge:      time.Duration(c.MaxAge),
		Domain:      c.Domain,
		Path:        c.Path,
		SameSite:    c.SameSite,
		Secure:      c.Secure,
		Partitioned: c.Partitioned,
	}
}

// checkPrefix returns an error if the cookie has no name, or has attributes that
// mode prefix leaves to the upstreams.
func (c *Cookie) checkPrefix() error {
	if c.Name == "" {
		return fmt.Errorf("cookie mode prefix: the name of the upstreams' cookie is required")
	}
	if c.attributes() != (core.Cookie{}) {
		return fmt.Errorf("cookie %s: mode prefix does not allow max_age, domain, path, same_site, secure or partitioned, because the upstreams set the cookie", c.Name)
	}
	return nil
}

// extract returns the tag in a request's cookie, if any, and removes it from the
// headers, so that no upstream sees it.
func (c *Cookie) extract(header http.Header) (tag string) {
	value := core.CookieValue(header, c.Name)
	if c.Mode == cookiePrefix {
		tag, _ = core.SplitCookieValue(value, core.UpstreamTags)
		core.UnprefixCookie(header, c.Name, core.UpstreamTags)
		return tag
	}
	core.DropCookie(header, c.Name)
	if !core.UpstreamTags.Valid(value) {
		return ""
	}
	return value
}

// apply writes the tag of a reply's upstream to its headers: in mode prefix to the
// upstream's cookie, and in mode insert to a new cookie, if one is to be issued.
func (c *Cookie) apply(header http.Header, tag string, issue bool) {
	if c.Mode == cookiePrefix {
		if core.PrefixSetCookie(header, c.Name, tag) {
			core.MarkPrivate(header)
		}
		return
	}
	core.DropSetCookie(header, c.Name)
	if issue {
		c.issued.Add(header, tag)
		core.MarkPrivate(header)
	}
}

// unmarshalCookie parses the cookie option. Syntax:
//
//	cookie [<name>] {
//	    mode      insert|prefix
//	    max_age   <duration>
//	    domain    <domain>
//	    path      <path>
//	    same_site none|lax|strict
//	    secure
//	    partitioned
//	}
func unmarshalCookie(d *caddyfile.Dispenser) (*Cookie, error) {
	c := new(Cookie)
	if d.NextArg() {
		if c.Name = d.Val(); c.Name == "" {
			return nil, d.Err("cookie name must not be empty")
		}
	}
	if d.NextArg() {
		return nil, d.Errf("unexpected argument '%s' for cookie", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := c.unmarshalOption(d); err != nil {
			return nil, err
		}
	}
	checked := *c // a copy, so that the JSON does not have the defaults
	if err := checked.provision(); err != nil {
		return nil, d.WrapErr(err)
	}
	return c, nil
}

// unmarshalOption parses one cookie option with its arguments.
func (c *Cookie) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "mode":
		return unmarshalValue(d, &c.Mode)
	case "max_age":
		return unmarshalDuration(d, &c.MaxAge)
	case "domain":
		return unmarshalValue(d, &c.Domain)
	case "path":
		return unmarshalValue(d, &c.Path)
	case "same_site":
		return unmarshalValue(d, &c.SameSite)
	case "secure":
		return unmarshalFlag(d, &c.Secure)
	case "partitioned":
		return unmarshalFlag(d, &c.Partitioned)
	default:
		return d.Errf("unrecognized cookie option '%s'", d.Val())
	}
}
