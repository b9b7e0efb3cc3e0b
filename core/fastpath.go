package core

import (
	"regexp"
	"strconv"
	"strings"
)

// The fast path is for an adapter that runs in an interpreter, which is package
// traefik. One match of a regular expression costs as much there as a few
// interpreted statements. So the patterns below recognize the requests and the
// responses of stock Socket.IO clients and servers, which are nearly all of them.
// Everything else takes the slow path: [ParseRequest], [Resolve],
// [Request.Unbind], [Request.IsPollingHandshake] and [HandshakeRewriter]. Where
// a pattern matches, the slow path would have the same result.
const (
	// MaxFastPathLength is the maximum length of a RequestURI for the fast path,
	// in bytes. A match takes up to 200 ns per byte, and a client may send a
	// megabyte.
	MaxFastPathLength = 4 << 10

	// VersionParam is contained in every query of Engine.IO, and SIDParam in every
	// query that has a session ID. Other queries may contain them too, see
	// [ParseRequest].
	VersionParam = "EIO="
	SIDParam     = "sid="

	// commonParams matches parameters whose name begins with a lower-case letter
	// other than "s", so that they are neither EIO nor sid.
	commonParams = `(?:[a-rt-z][^&]*&)*`

	// trailingCommonParams matches such parameters at the end of the query.
	trailingCommonParams = `(?:&[a-rt-z][^&]*)*`

	// neverMatches matches no string.
	neverMatches = `[^\x00-\x{10FFFF}]`
)

// versionPattern returns a pattern for the EIO parameter of the sessions that a
// mode tags.
func versionPattern(mode Mode) string {
	switch mode {
	case ModeTag:
		return `EIO=[0-9]&`
	case ModeAuto:
		return `EIO=4&`
	default:
		return neverMatches
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

// paramExcept returns a pattern for a parameter that begins with none of names,
// no two of which begin with the same byte.
func paramExcept(names ...string) string {
	first := ""
	parameters := ""
	for _, name := range names {
		first += name[:1]
		for i := 1; i < len(name); i++ {
			parameters += `|` + name[:i] + `(?:[^&` + name[i:i+1] + `][^&]*)?`
		}
	}
	return `(?:[^&` + first + `][^&]*` + parameters + `)?`
}

// BoundPattern returns a pattern for the RequestURI of a request whose session ID
// has a tag of this form. Its groups are:
//
//	1  the path and the "?"
//	2  the query; the caller must check that the request's URL has the same
//	3  the query before the tag
//	4  the tag
//	5  the query after the tag and its separator
//
// The upstream's query is groups 3 and 5, as after [Request.Unbind], and its
// RequestURI groups 1, 3 and 5.
//
// The pattern does not match queries with other parameters that begin with an
// "s" or an upper-case letter. [BoundPatternAnyParams] does, and takes twice as
// long.
func BoundPattern(mode Mode, form TagForm) *regexp.Regexp {
	return boundPattern(mode, form, commonParams, trailingCommonParams)
}

// BoundPatternAnyParams is [BoundPattern] for queries with any other parameters.
func BoundPatternAnyParams(mode Mode, form TagForm) *regexp.Regexp {
	other := paramExcept(VersionParam, SIDParam)
	return boundPattern(mode, form, `(?:`+other+`&)*`, `(?:&`+other+`)*`)
}

// boundPattern is BoundPattern with a pattern for the other parameters, and one
// for those at the end of the query.
func boundPattern(mode Mode, form TagForm, others, trailingOthers string) *regexp.Regexp {
	const path, sid = `([^?]*\?)`, `[^&]{1,64}`
	return regexp.MustCompile(`^` + path + `((` + others + versionPattern(mode) + others + SIDParam + `)` +
		`(` + tagPattern(form) + `)\.(` + sid + trailingOthers + `))$`)
}

// HandshakePattern returns a pattern for the raw query of a handshake over HTTP
// long-polling whose session ID will get a tag. The caller must check that the
// method is GET and that the request asks for no upgrade.
func HandshakePattern(mode Mode) *regexp.Regexp {
	const transport = `transport=`
	other := paramExcept(VersionParam, SIDParam, transport)
	return regexp.MustCompile(`^(?:` + other + `&)*` + versionPattern(mode) + `(?:` + other + `&)*` +
		transport + `polling(?:&` + other + `)*$`)
}
