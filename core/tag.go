package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// UpstreamTags is the form of the tags that a [Tagger] makes.
var UpstreamTags = TagForm{Levels: 1, Length: 11, Alphabet: tagAlphabet, Last: "AEIMQUYcgkosw048"}

const (
	// tagAlphabet is that of base64url, RFC 4648 section 5. Each of its bytes
	// stands for itself in a URL, a header, a cookie, JSON and JavaScript.
	tagAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

	// maxTag is the length in bytes of the longest tag that is bound.
	maxTag = 512

	// tagBytes is how much of a digest makes a tag. With 64 bits, two of a
	// thousand upstreams share a tag once in 37 trillion configurations.
	tagBytes = 8
)

// Tagger names upstreams by tags. Two Taggers with one secret give one address
// the same tag, on any machine, so any number of proxies agree.
type Tagger struct {
	secret []byte
}

// NewTagger returns a Tagger. With a secret, tags are HMAC-SHA-256 (RFC 2104)
// of the address and cannot be guessed; with none, they are plain SHA-256,
// and whoever guesses an address can tell its tag.
func NewTagger(secret string) Tagger {
	return Tagger{secret: []byte(secret)}
}

// Tag returns the tag of an upstream's address, 11 characters of base64url. It
// is the same for the same address and tells nobody what the address is.
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

// TagForm is what the tags of a host look like. Nothing else is taken for a tag:
// a session ID that was never bound may have a separator in it too.
type TagForm struct {
	// Levels is how many levels a tag has: one, unless balancers stand behind
	// one another. Where there are several, some of them may be empty, for
	// balancers that a session does not pass, but not all of them.
	Levels int

	// Length is the length of a level in bytes.
	Length int

	// Alphabet has the bytes of a level, all of them of base64url. Tags come
	// from clients and go into headers and logs, and this is what lets nothing
	// else in.
	Alphabet string

	// Last has the bytes that a level may end with. When it is empty, it is
	// Alphabet. (11 characters of base64url have room for 66 bits: those of 64
	// bits end with one of 16 characters.)
	Last string
}

// Valid reports whether tag has the form.
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

// ValidLevel reports whether level has the form of a level.
func (f TagForm) ValidLevel(level string) bool {
	return len(level) == f.Length && strings.TrimLeft(level, f.Alphabet) == "" &&
		(f.Last == "" || strings.IndexByte(f.Last, level[f.Length-1]) >= 0)
}

// mayWrite reports whether a tag of any form may be written into an open packet.
func mayWrite(tag string) bool {
	return tag != "" && len(tag) <= maxTag && strings.TrimLeft(tag, tagAlphabet+separator) == ""
}

// JoinLevels makes one tag of its levels, the outermost first. It is "" when all
// of them are.
func JoinLevels(levels []string) string {
	tag := strings.Join(levels, separator)
	if len(tag) < len(levels) { // nothing but separators
		return ""
	}
	return tag
}

// Levels is the inverse of [JoinLevels].
func Levels(tag string) []string {
	return strings.Split(tag, separator)
}
