package core

// Reason is what a request's upstream was chosen by.
type Reason string

// The kinds of evidence, the strongest first. The empty Reason is that of a
// request that belongs to no session which is looked after.
const (
	// ByTag: the session ID carries the tag of the upstream.
	ByTag Reason = "tag"

	// ByLearned: the session was opened through this proxy, which remembers
	// the upstream.
	ByLearned Reason = "learned"

	// ByCookie: a cookie carries the tag of the upstream.
	ByCookie Reason = "cookie"

	// ByNew: the request opens a session, which may go anywhere.
	ByNew Reason = "new"

	// ByLost: the request names a session, but nothing says where it is, or
	// the upstream that has it cannot be reached. Any node will answer
	// "Session ID unknown", on which clients connect anew at once.
	ByLost Reason = "lost"
)

// Resolve returns the evidence that a request's session ID is under a mode, and
// the tag of this form that it points to, if any. A request with ByTag has
// that tag in its session ID, and is to be unbound; one with ByLearned has not.
// Where known is not nil, a tag counts only if known reports true for it; what
// looks like a tag and is not known comes with ByLost.
func Resolve(req Request, mode Mode, form TagForm, sessions *Share, known func(tag string) bool) (by Reason, tag string) {
	switch {
	case req.IsHandshake():
		return ByNew, ""
	case mode.Tags(req.Version):
		if tag = req.Tag(form); tag == "" || known != nil && !known(tag) {
			return ByLost, tag
		}
		return ByTag, tag
	case mode.Learns(req.Version):
		// It may be older than the configuration, and so than the form.
		if tag = sessions.Find(req.DecodedSID(), known); form.Valid(tag) {
			return ByLearned, tag
		}
		return ByLost, ""
	default:
		return "", ""
	}
}
