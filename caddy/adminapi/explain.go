package adminapi

// ExplainPath (POST) takes an [ExplainRequest], and returns an [Explanation]. It
// changes nothing: it does not extend the expiry of a learned session.
const ExplainPath = "/affinity/explain"

// ExplainRequest has the session to explain.
type ExplainRequest struct {
	// Session is the URL of a request, its query, or the session ID as the client
	// sends it, percent-encoded or not.
	Session string `json:"session"`
}

// Explanation is what the running config would do with a session.
type Explanation struct {
	// SID is the session ID as the client sends it. It is empty if it is longer than
	// 256 bytes or has characters that are not safe to log.
	SID string `json:"sid"`

	// Opens reports that the request has no session ID, so that it opens a session.
	Opens bool `json:"opens"`

	// Policies has what each affinity policy says, those first that know the session.
	Policies []PolicyExplanation `json:"policies"`
}

// PolicyExplanation is what an affinity policy would do with the next request of a
// session.
type PolicyExplanation struct {
	// Server is the name of the HTTP server of the policy's reverse_proxy, Listen has
	// its addresses, and Hosts and Paths have the hosts and paths of its route. They
	// are empty if the reverse_proxy is not in a route of a server, but for example
	// in an error route.
	Server string   `json:"server,omitempty"`
	Listen []string `json:"listen,omitempty"`
	Hosts  []string `json:"hosts,omitempty"`
	Paths  []string `json:"paths,omitempty"`

	// MissingHandler reports that no affinity handler is before the reverse_proxy, so
	// that its sessions are not pinned.
	MissingHandler bool `json:"missing_handler,omitempty"`

	// Mode is the sid option that applies to the session: auto, tag, learn or off.
	Mode string `json:"mode"`

	// Learns reports that a session of its Engine.IO version is learned rather than
	// tagged.
	Learns bool `json:"learns"`

	// Reason is the reason of the next request, a value of {http.affinity.reason}.
	// That of a pinned request is about its upstream as it is now.
	Reason string `json:"reason"`

	// Next is what happens to the next request: NextPinned, NextWaits, NextFallback or
	// NextRejected.
	Next string `json:"next"`

	// Cookie reports that the policy has a cookie, so that a request that leads to no
	// upstream may go to that of its client's cookie instead.
	Cookie bool `json:"cookie,omitempty"`

	// Tag is the tag that the session leads to. It has the form of a tag.
	Tag string `json:"tag,omitempty"`

	// AcceptedSecret is 0 if the tag was made with the secret of new sessions, and
	// otherwise the number of the accepted secret, from 1.
	AcceptedSecret int `json:"accepted_secret,omitempty"`

	// Upstream is the upstream with that tag. It is nil if no upstream of this process
	// has or had the tag.
	Upstream *ExplainedUpstream `json:"upstream,omitempty"`
}

// ExplainedUpstream is the state of the upstream of a session.
type ExplainedUpstream struct {
	// Address is the dial address, as the config has it.
	Address string `json:"address"`

	// Removed reports that the upstream is none of the policy's any more.
	Removed bool `json:"removed"`

	// Healthy reports whether the health checks find it healthy, or there are none.
	Healthy bool `json:"healthy"`

	// AtLimit reports whether it has as many requests as it may have.
	AtLimit bool `json:"at_limit"`

	// Draining reports whether it gets no new sessions.
	Draining bool `json:"draining"`

	// CoolDown is why new sessions avoid it for now, or nil.
	CoolDown *CoolDown `json:"cool_down,omitempty"`
}

// The values of [PolicyExplanation.Next].
const (
	// NextPinned: it goes to the upstream.
	NextPinned = "pinned"

	// NextWaits: it waits for the upstream, up to lb_try_duration.
	NextWaits = "waits"

	// NextFallback: the fallback policy selects an upstream.
	NextFallback = "fallback"

	// NextRejected: this proxy replies that the session is unknown.
	NextRejected = "rejected"
)
