package caddy

import (
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/eio-affinity/affinity/core"
)

// The modes of a Cookie.
const (
	cookieInsert = "insert"
	cookiePrefix = "prefix"
)

// defaultCookieName is that of Socket.IO's own examples.
const defaultCookieName = "server_id"

// Cookie is a cookie by which clients come back to their upstream. It is what
// brings a client that connects anew to the node that it was on, while that
// node is fit; and it serves requests that have no session ID, Socket.IO's and
// others. Where a session ID names another upstream, that one counts.
type Cookie struct {
	// The name of the cookie. Default: `server_id` in the mode `insert`; the
	// mode `prefix` has no default.
	Name string `json:"name,omitempty"`

	// Whose cookie it is. `insert`: one of the proxy's own, whose value is the
	// upstream's tag. It is set when the client has no right one, on replies
	// that are no errors, and no node sees it; nor do clients see one of that
	// name from a node. `prefix`: one that the nodes set, such as Engine.IO's
	// `io`. The tag and a `~` are put in front of its value, and taken off
	// again before any node sees it. The attributes below are then the node's
	// to say. Default: `insert`.
	Mode string `json:"mode,omitempty"`

	// For how long clients keep the cookie, in whole seconds. Default: until
	// they end, as a browser does when it is closed.
	MaxAge caddy.Duration `json:"max_age,omitempty"`

	// The domain whose hosts get the cookie. Default: the host that was asked
	// gets it and no other.
	Domain string `json:"domain,omitempty"`

	// What the paths begin with that get the cookie. Default: `/`.
	Path string `json:"path,omitempty"`

	// Whether requests from pages of other sites get the cookie: `none` (that
	// is, no restriction; it needs `secure`), `lax` or `strict`. Default: not
	// said; browsers take that for `lax`.
	SameSite string `json:"same_site,omitempty"`

	// Whether clients send the cookie over HTTPS only. Default: `false`.
	Secure bool `json:"secure,omitempty"`

	// Whether browsers keep one cookie for each site whose pages connect
	// (CHIPS), which they do even where they block third-party cookies. It
	// needs `secure`. Default: `false`.
	Partitioned bool `json:"partitioned,omitempty"`

	set core.Cookie
}

// provision sets the defaults, and refuses what cannot be in a cookie.
func (c *Cookie) provision() error {
	switch c.Mode {
	case "":
		c.Mode = cookieInsert
	case cookieInsert, cookiePrefix:
	default:
		return fmt.Errorf("cookie mode %q: want insert or prefix", c.Mode)
	}
	if c.Mode == cookiePrefix {
		if err := c.checkPrefix(); err != nil {
			return err
		}
	} else if c.Name == "" {
		c.Name = defaultCookieName
	}
	c.set = c.attributes()
	c.set.Name = c.Name
	return c.set.Check()
}

// attributes returns all but the name.
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

// checkPrefix refuses what a node's own cookie cannot have.
func (c *Cookie) checkPrefix() error {
	if c.Name == "" {
		return fmt.Errorf("cookie mode prefix: the name of the nodes' cookie is missing")
	}
	if c.attributes() != (core.Cookie{}) {
		return fmt.Errorf("cookie %s: in mode prefix only the nodes can say max_age, domain, path, same_site, secure or partitioned, as it is their cookie", c.Name)
	}
	return nil
}

// take returns the tag that a request's cookie carries, if any, and takes it
// out of the headers, so that no node sees it.
func (c *Cookie) take(header http.Header) (tag string) {
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

// give gives a reply's headers the cookie that brings its client back to the
// upstream of a tag. The client is greeted with a cookie of the proxy's own
// where that is due.
func (c *Cookie) give(header http.Header, tag string, greet bool) {
	if c.Mode == cookiePrefix {
		if core.PrefixSetCookie(header, c.Name, tag) {
			core.MarkPrivate(header)
		}
		return
	}
	core.DropSetCookie(header, c.Name)
	if greet {
		c.set.Add(header, tag)
		core.MarkPrivate(header)
	}
}

// unmarshalCookie reads the option cookie with its arguments. Syntax:
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
			return nil, d.Err("the name of cookie is empty")
		}
	}
	if d.NextArg() {
		return nil, d.Errf("unexpected argument '%s' of cookie", d.Val())
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if err := c.unmarshalOption(d); err != nil {
			return nil, err
		}
	}
	checked := *c // as the defaults are not for the config
	if err := checked.provision(); err != nil {
		return nil, d.WrapErr(err)
	}
	return c, nil
}

// unmarshalOption reads one option of the cookie.
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
		return d.Errf("unrecognized option '%s' of cookie", d.Val())
	}
}
