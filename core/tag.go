package core

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	// tagAlphabet is that of base64url, RFC 4648 section 5. Each of its bytes
	// stands for itself in a URL, a header, a cookie, JSON and JavaScript.
	tagAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

	// maxLevel is the length in bytes of the longest level of a tag. Ours have
	// 11; a host may bring longer ones of its own.
	maxLevel = 64

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

// ValidTag reports whether tag can be one of so many levels: each has 1 to 64
// characters of base64url, and a "." stands between any two. A tag has one
// level, unless balancers stand behind one another. Tags come from clients and
// go into headers and logs, and this is the check that lets nothing else in.
func ValidTag(tag string, levels int) bool {
	if levels == 1 {
		return tag != "" && len(tag) <= maxLevel && strings.TrimLeft(tag, tagAlphabet) == ""
	}
	all := Levels(tag)
	if len(all) != levels {
		return false
	}
	for _, level := range all {
		if !ValidTag(level, 1) {
			return false
		}
	}
	return true
}

// JoinLevels makes one tag of its levels, the outermost first.
func JoinLevels(levels []string) string {
	return strings.Join(levels, separator)
}

// Levels is the inverse of [JoinLevels].
func Levels(tag string) []string {
	return strings.Split(tag, separator)
}
