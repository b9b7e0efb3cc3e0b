package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// UpstreamTags is the form of the tags that a [Tagger] returns.
var UpstreamTags = TagForm{Levels: 1, Length: 11, Alphabet: tagAlphabet, Last: "AEIMQUYcgkosw048"}

const (
	// tagAlphabet is the alphabet of base64url, RFC 4648 section 5. None of its
	// bytes has to be escaped in a URL, a header, a cookie, JSON or JavaScript.
	tagAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

	// maxTag is the maximum length of a tag to bind, in bytes.
	maxTag = 512

	// tagBytes is the number of bytes of a digest that make a tag. With 64 bits,
	// two of a thousand upstreams share a tag in one of 37 trillion configurations.
	tagBytes = 8
)

// Tagger computes the tags of upstreams. Two Taggers with the same secret return
// the same tag for the same address, on any machine, so any number of proxies
// agree.
type Tagger struct {
	secret []byte
}

// NewTagger returns a Tagger. With a secret, a tag is the HMAC-SHA-256 (RFC 2104)
// of the address. Without one, it is the plain SHA-256, so anyone who guesses an
// address can compute its tag.
func NewTagger(secret string) Tagger {
	return Tagger{secret: []byte(secret)}
}

// Tag returns the tag of an upstream's address: 64 bits of its digest as 11
// characters of base64url.
func (t Tagger) Tag(address string) string {
	var digest []byte
	if len(t.secret) > 0 {
		mac := hmac.New(sha256.New, t.secret)
		mac.Write([]byte(address))
		digest = mac.Sum(nil)
	} else {
		sum := sha256.Sum256([]byte(address))
		digest = sum[:]
	}
	return base64.RawURLEncoding.EncodeToString(digest[:tagBytes])
}

// TagForm describes the tags that a proxy uses. A session ID without a tag may
// contain a separator too, so only what has this form is a tag.
type TagForm struct {
	// Levels is the number of levels of a tag: 1, unless load balancers are
	// nested. With more than one, some levels may be empty, for load balancers
	// that the session does not pass, but not all of them.
	Levels int

	// Length is the length of a level in bytes.
	Length int

	// Alphabet has the bytes that a level may consist of, a subset of base64url's.
	// Clients send tags, and tags are written to headers and logs. This is the
	// check that keeps other bytes out.
	Alphabet string

	// Last has the bytes that a level may end with. Default: those of Alphabet.
	// 11 characters of base64url hold 66 bits, so a tag of 64 bits ends with one
	// of 16 characters.
	Last string
}

// Valid reports whether tag has this form.
func (f TagForm) Valid(tag string) bool {
	if f.Levels == 1 {
		return f.ValidLevel(tag)
	}
	levels := Levels(tag)
	if len(levels) != f.Levels || len(tag) < f.Levels {
		return false
	}
	for _, level := range levels {
		if level != "" && !f.ValidLevel(level) {
			return false
		}
	}
	return true
}

// ValidLevel reports whether level has the form of a level. An empty level has
// not.
func (f TagForm) ValidLevel(level string) bool {
	return len(level) == f.Length && strings.TrimLeft(level, f.Alphabet) == "" &&
		(f.Last == "" || strings.IndexByte(f.Last, level[f.Length-1]) >= 0)
}

// isSafeTag reports whether a tag, whatever its form, may be written into an open
// packet.
func isSafeTag(tag string) bool {
	return tag != "" && len(tag) <= maxTag && strings.TrimLeft(tag, tagAlphabet+Separator) == ""
}

// JoinLevels joins levels, the outermost first, into a tag. It returns "" if all
// of them are empty.
func JoinLevels(levels []string) string {
	tag := strings.Join(levels, Separator)
	if len(tag) < len(levels) { // nothing but separators
		return ""
	}
	return tag
}

// Levels returns the levels of a tag, the outermost first.
func Levels(tag string) []string {
	return strings.Split(tag, Separator)
}
