package core

// Evidence is what a request's upstream was chosen by.
type Evidence string

// The kinds of evidence. The empty Evidence is that of a request whose session
// is not looked after, such as one of Engine.IO 3 under [ModeAuto].
const (
	// BySID: the session ID carries the tag of the upstream.
	BySID Evidence = "sid"

	// ByNew: the request opens a session, which may go anywhere.
	ByNew Evidence = "new"

	// ByLost: the request names a session, but nothing says where it is, or
	// the upstream that has it cannot be reached. Any node will answer
	// "Session ID unknown", on which clients connect anew at once.
	ByLost Evidence = "lost"
)

// Weigh returns the evidence that a request carries under a mode, and the tag
// of so many levels that it points to, if any.
func Weigh(req Request, mode Mode, levels int) (by Evidence, tag string) {
	switch {
	case req.IsHandshake():
		return ByNew, ""
	case !mode.Binds(req.Version):
		return "", ""
	}
	if tag = req.Tag(levels); tag == "" {
		return ByLost, ""
	}
	return BySID, tag
}
