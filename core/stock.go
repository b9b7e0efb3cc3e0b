package core

import (
	"regexp"
	"strings"
)

// What is stock is what the stock clients and servers of Socket.IO write, and
// nearly all that there is. A host that interprets this package reads each
// piece of it by one match of a regular expression, which costs it as much as
// a few statements, and leaves all else to the functions that read anything:
// [ParseRequest], [Weigh], [Request.Unbind], [Request.OpensByPolling] and
// [Recorder.Close]. A match says nothing that they would not say.
//
// What serves such a host is short, as the interpreter makes room for all of a
// function's values when it calls it, and has functions rather than methods:
// calling a method costs it as much as four functions.
const (
	// stockParameters are parameters with a name that is none of those that
	// count, as it begins with another letter.
	stockParameters = `(?:[a-rt-z][^&]*&)*`

	// stockRest are such parameters, to the end of the query.
	stockRest = `(?:&[a-rt-z][^&]*)*$`

	// stockLevel is a level of a tag: see [ValidTag].
	stockLevel = `[A-Za-z0-9_-]{1,64}`

	// StockLength is the length in bytes of the longest RequestURI that is worth
	// a match. One costs up to 200 ns for each byte: a client could have a
	// megabyte of them matched.
	StockLength = 4 << 10

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

// StockBound returns what matches the RequestURI of a request of a session
// that is bound by a tag of so many levels. The match has these parts:
//
//	1  the path, and the "?"
//	2  the query, which has to be that of the request's URL too
//	3  the query in front of the tag
//	4  the tag
//	5  the query behind the tag and its separator
//
// So the request that the node is to see has 3 and 5 for its query, as
// [Request.Unbind] would give it, and 1, 3 and 5 for its RequestURI.
func StockBound(mode Mode, levels int) *regexp.Regexp {
	const path, sid = `([^?]*\?)`, `[^&]{1,64}`
	tag := stockLevel + strings.Repeat(`\.`+stockLevel, levels-1)
	return regexp.MustCompile(`^` + path + `((` + stockParameters + stockVersion(mode) + stockParameters + `sid=)` +
		`(` + tag + `)\.(` + sid + `(?:&[a-rt-z][^&]*)*))$`)
}

// StockOpening returns what matches the raw query of a request that asks for a
// session over HTTP long-polling, when its method is GET and it asks for no
// upgrade.
func StockOpening(mode Mode) *regexp.Regexp {
	// As stockParameters, and "transport" is none of them either.
	const parameters = `(?:(?:[a-ru-z][^&]*|t[^r&][^&]*)&)*`
	return regexp.MustCompile(`^` + parameters + stockVersion(mode) + parameters + `transport=polling` + stockRest)
}

// Foreign reports whether a raw query is plainly none of Engine.IO's. Of one
// that is not so plain, [ParseRequest] says it.
func Foreign(query string) bool {
	return !strings.Contains(query, "EIO=")
}
