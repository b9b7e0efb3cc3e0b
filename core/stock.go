package core

import (
	"regexp"
	"strconv"
	"strings"
)

// What is stock is what the stock clients and servers of Socket.IO write, and
// nearly all that there is. A host that interprets this package reads each
// piece of it by one match of a regular expression, which costs it as much as
// a few statements, and leaves all else to the functions that read anything:
// [ParseRequest], [Resolve], [Request.Unbind], [Request.OpensByPolling] and
// [HandshakeRewriter.Close]. A match says nothing that they would not say.
//
// What serves such a host is short, as the interpreter makes room for all of a
// function's values when it calls it, and has functions rather than methods:
// calling a method costs it as much as four functions.
const (
	// stockParameters are parameters with a name that is none of those that
	// count, as it begins with another letter.
	stockParameters = `(?:[a-rt-z][^&]*&)*`

	// stockRest are such parameters, to the end of the query.
	stockRest = `(?:&[a-rt-z][^&]*)*`

	// StockLength is the length in bytes of the longest RequestURI that is worth
	// a match. One costs up to 200 ns for each byte: a client could have a
	// megabyte of them matched.
	StockLength = 4 << 10

	// VersionMark is in every query of Engine.IO's, and SessionMark in every one
	// that names a session. [ParseRequest] tells what else has them.
	VersionMark = "EIO="
	SessionMark = "sid="

	// nothing matches nothing.
	nothing = `[^\x00-\x{10FFFF}]`
)

// stockVersion matches the EIO parameter of the sessions that get a tag under a
// mode.
func stockVersion(mode Mode) string {
	switch mode {
	case ModeTag:
		return `EIO=[0-9]&`
	case ModeAuto:
		return `EIO=4&`
	default:
		return nothing
	}
}

// stockTag matches a tag of a form.
func stockTag(form TagForm) string {
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

// otherThan matches a parameter that does not begin with any of these names, of
// which no two begin with the same byte.
func otherThan(names ...string) string {
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

// StockBound returns what matches the RequestURI of a request of a session
// that is bound by a tag of a form. The match has these parts:
//
//	1  the path, and the "?"
//	2  the query, which has to be that of the request's URL too
//	3  the query in front of the tag
//	4  the tag
//	5  the query behind the tag and its separator
//
// So the request that the node is to see has 3 and 5 for its query, as
// [Request.Unbind] would give it, and 1, 3 and 5 for its RequestURI.
//
// It leaves out requests with parameters of the application's that begin with an
// "s" or a capital letter. [AnyBound] has them too, and takes twice the time.
func StockBound(mode Mode, form TagForm) *regexp.Regexp {
	return boundAmong(mode, form, stockParameters, stockRest)
}

// AnyBound is [StockBound] for requests with any parameters.
func AnyBound(mode Mode, form TagForm) *regexp.Regexp {
	other := otherThan(VersionMark, SessionMark)
	return boundAmong(mode, form, `(?:`+other+`&)*`, `(?:&`+other+`)*`)
}

// boundAmong is StockBound for requests with these parameters beside those that
// count.
func boundAmong(mode Mode, form TagForm, parameters, rest string) *regexp.Regexp {
	const path, sid = `([^?]*\?)`, `[^&]{1,64}`
	return regexp.MustCompile(`^` + path + `((` + parameters + stockVersion(mode) + parameters + SessionMark + `)` +
		`(` + stockTag(form) + `)\.(` + sid + rest + `))$`)
}

// StockOpening returns what matches the raw query of a request that asks for a
// session over HTTP long-polling, when its method is GET and it asks for no
// upgrade.
func StockOpening(mode Mode) *regexp.Regexp {
	const transport = `transport=`
	other := otherThan(VersionMark, SessionMark, transport)
	return regexp.MustCompile(`^(?:` + other + `&)*` + stockVersion(mode) + `(?:` + other + `&)*` +
		transport + `polling(?:&` + other + `)*$`)
}

// Foreign reports whether a raw query is plainly none of Engine.IO's. Of one
// that is not so plain, [ParseRequest] says it.
func Foreign(query string) bool {
	return !strings.Contains(query, VersionMark)
}
