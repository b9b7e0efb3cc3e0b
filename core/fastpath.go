package core

import (
	"regexp"
	"strconv"
	"strings"
)

// The fast path is for an adapter that runs in an interpreter, which is package
// traefik. One call of the standard library costs as much there as a few
// interpreted expressions. So the adapter recognizes nearly all requests by
// searching for the strings below, and the responses of stock servers by the
// patterns in fastpathresponse.go. Everything else takes the slow path:
// [ParseRequest], [Resolve], [Request.Unbind], [Request.IsPollingHandshake] and
// [HandshakeRewriter].
//
// The strings are parts of a raw query with a "&" before it.
const (
	// VersionParam is contained in every query of Engine.IO, and SIDParam in every
	// query that has a session ID.
	VersionParam = "&EIO="
	SIDParam     = "&sid="

	// TransportParam is contained in every query with a transport, and PollingParam
	// in one whose transport is HTTP long-polling, if it has a "&" after it too.
	TransportParam = "&transport="
	PollingParam   = TransportParam + "polling&"

	// neverParam is contained in no query: a URL has no control characters.
	neverParam = "\x00"
)

// VersionPattern matches a query with a "&" after it too that has a version with a
// single digit, see [Request.Version]. The pattern begins with a text, so it takes a
// fraction of the time of a match of the whole query.
var VersionPattern = regexp.MustCompile(VersionParam + `[0-9]&`)

// StockHandshakePattern matches a query of a handshake over HTTP long-polling as
// stock clients write it, without parameters of the application.
var StockHandshakePattern = regexp.MustCompile(`^` + VersionParam + `[0-9]` + TransportParam + `polling(?:&t=[0-9A-Za-z._-]{1,32})?(?:&b64=1)?$`)

// VersionParams has what queries contain whose sessions a mode tags, and those
// whose sessions it learns. A query that contains [VersionParam] twice may contain
// both, and has another version, see [Request.Version].
type VersionParams struct {
	Tagged, Learned string
}

// NewVersionParams returns the VersionParams of a mode.
func NewVersionParams(mode Mode) VersionParams {
	switch mode {
	case ModeTag:
		return VersionParams{Tagged: VersionParam, Learned: neverParam}
	case ModeAuto:
		return VersionParams{Tagged: VersionParam + "4", Learned: VersionParam + "3"}
	case ModeLearn:
		return VersionParams{Tagged: neverParam, Learned: VersionParam}
	default:
		return VersionParams{Tagged: neverParam, Learned: neverParam}
	}
}

// tagPattern returns a pattern for the tags of a form.
func tagPattern(form TagForm) string {
	class := func(bytes string) string { return `[` + strings.ReplaceAll(bytes, `-`, `\-`) + `]` }
	level := class(form.Alphabet) + `{` + strconv.Itoa(form.Length) + `}`
	if form.Last != "" {
		level = class(form.Alphabet) + `{` + strconv.Itoa(form.Length-1) + `}` + class(form.Last)
	}
	// The first level that is not empty may be any of them.
	tags := make([]string, form.Levels)
	for first := range tags {
		tags[first] = strings.Repeat(`\.`, first) + level + strings.Repeat(`\.(?:`+level+`)?`, form.Levels-1-first)
	}
	return `(?:` + strings.Join(tags, `|`) + `)`
}

// BoundSIDPattern returns a pattern for a session ID in a query that has a tag of
// this form. Its group 1 is the tag, which is followed by a separator. The pattern
// begins with a text, so it takes a fraction of the time of a match of the whole
// query.
func BoundSIDPattern(form TagForm) *regexp.Regexp {
	return regexp.MustCompile(SIDParam + `(` + tagPattern(form) + `)` + regexp.QuoteMeta(Separator) + `[^&]{1,64}(?:&|$)`)
}
