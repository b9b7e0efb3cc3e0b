package core

// Reason says why a request went to its upstream.
type Reason string

// The reasons. The first three pin a request to the upstream that has its
// session, in order of precedence. With the others, any upstream may get the
// request. The empty Reason is that of a request without a session, or whose
// session ID the mode leaves alone.
const (
	// ReasonTag: the session ID carries the tag of the upstream.
	ReasonTag Reason = "tag"

	// ReasonLearned: this proxy has learned which upstream opened the session.
	ReasonLearned Reason = "learned"

	// ReasonCookie: a cookie carries the tag of the upstream.
	ReasonCookie Reason = "cookie"

	// ReasonNew: the request opens a session.
	ReasonNew Reason = "new"

	// ReasonUnknownTag: the session ID begins with what has the form of a tag,
	// but no upstream has or had that tag.
	ReasonUnknownTag Reason = "unknown_tag"

	// ReasonUnknownSession: the session ID has no tag, and this proxy has not
	// learned it, or not any more.
	ReasonUnknownSession Reason = "unknown_session"

	// ReasonUpstreamGone: the session is that of an upstream that was removed.
	ReasonUpstreamGone Reason = "upstream_gone"

	// ReasonUpstreamUnhealthy: the upstream of the session is unhealthy, or could
	// not be dialed. Only an adapter knows, so [Resolve] never returns it.
	ReasonUpstreamUnhealthy Reason = "upstream_unhealthy"
)

// Resolve returns what a request's session ID says under a mode, and the tag of
// this form that it leads to, if any. With ReasonTag, that tag is in the session
// ID, and the caller takes it off with [Request.Unbind].
//
// Where known is not nil, only a tag that it reports true for names an upstream.
// Another tag comes with ReasonUnknownTag, and that of a learned session with
// ReasonUpstreamGone.
func Resolve(req Request, mode Mode, form TagForm, sessions *Share, known func(tag string) bool) (reason Reason, tag string) {
	switch {
	case req.IsHandshake():
		return ReasonNew, ""
	case mode.Tags(req.Version):
		switch tag = req.Tag(form); {
		case tag == "":
			return ReasonUnknownSession, ""
		case known != nil && !known(tag):
			return ReasonUnknownTag, tag
		default:
			return ReasonTag, tag
		}
	case mode.Learns(req.Version):
		return resolveLearned(req.DecodedSID(), form, sessions, known)
	default:
		return "", ""
	}
}

// resolveLearned is [Resolve] for a session that is learned. It may be older than
// the configuration, and so than the form.
func resolveLearned(sid string, form TagForm, sessions *Share, known func(tag string) bool) (reason Reason, tag string) {
	tag, accepted := sessions.lookUp(sid, known)
	switch {
	case !form.Valid(tag):
		return ReasonUnknownSession, ""
	case accepted:
		return ReasonLearned, tag
	default:
		return ReasonUpstreamGone, tag
	}
}
