package caddy

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// stateVar is the request variable that holds the *requestState.
const stateVar = "http.affinity"

// The placeholders that the handler sets. See [Handler].
const (
	sidPlaceholder    = "http.affinity.sid"
	tagPlaceholder    = "http.affinity.tag"
	reasonPlaceholder = "http.affinity.reason"
)

// requestState is what the handler and the policy know about a request. It is a
// variable of the request, so that both find it wherever they are in the chain.
// It is not safe for concurrent use, except for connects.
type requestState struct {
	// isEngineIO reports whether this is an Engine.IO request. If so, engineIO is
	// its query, and hasSession reports whether it belongs to a session that is
	// already open.
	isEngineIO, hasSession bool
	engineIO               core.Request

	// kind is what the request does. open reports which count of an upstream it
	// adds to while it is open.
	kind core.Kind
	open openKind

	// counts gets the request when its reply begins, once.
	counts  *requestCounts
	counted bool

	// mode and share are those of the handler.
	mode  core.Mode
	share *core.Share

	// policy is the policy that resolved the session. A request may pass several
	// policies, one after another.
	policy *AffinitySelection

	// resolved is what the session ID and the cookie say, and reason why the
	// request went to its upstream in the end.
	resolved, reason core.Reason

	// pinned is the tag of the upstream that has the session, if known.
	pinned string

	// chosen is the tag of the upstream chosen for a request that is not pinned,
	// or whose upstream is not there.
	chosen string

	// tried has the dial addresses of all upstreams so chosen. There is more than
	// one if reverse_proxy retries.
	tried []string

	// connects records the connections to upstreams, if traced. undialed has the dial
	// addresses of the upstreams that could not be dialed.
	connects connectTrace
	traced   bool
	undialed []string

	// mayResend reports whether the request opens a session and has no body, so
	// that it can be sent again. If so, began is when reverse_proxy got it, tries
	// counts its tries, and watch is that of this try.
	mayResend bool
	began     time.Time
	tries     int
	watch     *handshakeWatch

	// selected is the upstream of this try, responder the tag that its new sessions
	// get, and stats its counts.
	selected  *reverseproxy.Upstream
	responder string
	stats     *upstreamStats

	// pinnedStats has the counts of the upstream that has the session, if known.
	// waited reports whether the request waited for it.
	pinnedStats *upstreamStats
	waited      bool

	// rejected reports whether the policy has left the reply to the handler, as the
	// session is lost.
	rejected bool

	// cookie is the policy's, if it has one, and cookieTag the tag in the
	// client's. maySetCookie reports whether the reply may set a new one.
	cookie       *Cookie
	cookieTag    string
	maySetCookie bool

	// fallbackHeader has the headers that the fallback policy has set.
	fallbackHeader http.Header

	// sid is the upstream's own session ID, as [core.Printable] returns it.
	sid string

	// handling reports whether a handler is serving the request. Another handler
	// behind it does nothing.
	handling bool
}

// stateOf returns the state of a request, or nil if no handler has served it.
func stateOf(ctx context.Context) *requestState {
	state, _ := caddyhttp.GetVar(ctx, stateVar).(*requestState)
	return state
}

// newState adds a state to a request.
func newState(ctx context.Context) *requestState {
	state := new(requestState)
	caddyhttp.SetVar(ctx, stateVar, state)
	if repl, ok := ctx.Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok {
		repl.Map(state.placeholder)
	}
	return state
}

// placeholder is a [caddy.ReplacerFunc].
func (s *requestState) placeholder(key string) (any, bool) {
	if !s.isEngineIO && s.reason == "" {
		return nil, false
	}
	switch key {
	case sidPlaceholder:
		return s.sid, true
	case tagPlaceholder:
		return s.tag(), true
	case reasonPlaceholder:
		return string(s.reason), true
	default:
		return nil, false
	}
}

// tag returns the tag of the request's session, or else the tag that a new
// session gets.
func (s *requestState) tag() string {
	if s.pinned != "" {
		return s.pinned
	}
	return s.chosen
}

// readCookie reads the policy's cookie and removes it from the headers of the
// request to the upstream.
func (s *requestState) readCookie(cookie *Cookie, header http.Header) {
	if cookie == nil {
		return
	}
	tag := cookie.extract(header)
	if cookie != s.cookie { // the headers of a retry do not have it any more
		s.cookie, s.cookieTag = cookie, tag
	}
}

// writeCookie writes the policy's cookie to the headers of a reply. An error sets
// no cookie: the next request of a client that was refused may go to any
// upstream.
func (s *requestState) writeCookie(header http.Header, status int) {
	if s.cookie != nil && s.responder != "" {
		issue := s.maySetCookie && s.responder != s.cookieTag && status < http.StatusBadRequest
		s.cookie.apply(header, s.responder, issue)
	}
}

// setPinned records that the request goes to the upstream of its session.
func (s *requestState) setPinned(upstream *reverseproxy.Upstream, tagged *taggedUpstream) {
	s.beginTry(upstream, tagged)
}

// setChosen records that the request goes to an upstream that was chosen for it.
func (s *requestState) setChosen(upstream *reverseproxy.Upstream, tagged *taggedUpstream) {
	s.chosen = tagged.tags[0]
	s.tried = append(s.tried, upstream.Dial)
	s.beginTry(upstream, tagged)
}

// beginTry begins a try at an upstream.
func (s *requestState) beginTry(upstream *reverseproxy.Upstream, tagged *taggedUpstream) {
	s.selected, s.responder, s.stats = upstream, tagged.tags[0], tagged.stats
	s.stats.addOpen(s.open, 1)
}

// trace records how the request connects to upstreams. The first try of a request of
// an open session is not traced, as that takes as long as all else that is done for
// it: reverse_proxy then only retries if the upstream could not be dialed.
func (s *requestState) trace(req *http.Request) {
	if !s.traced {
		s.traced = true
		*req = *req.WithContext(httptrace.WithClientTrace(req.Context(), s.connects.hooks()))
	}
}

// endTry ends a try. It returns the upstream and the error if dialing failed for
// a reason that lies with the upstream: not with this machine, and not with the
// client, which a placeholder in the address may let choose what is dialed. Of a try
// that was not traced, failed says whether and why dialing failed.
func (s *requestState) endTry(failed error) (undialed *reverseproxy.Upstream, err error) {
	upstream := s.selected
	if upstream == nil {
		return nil, nil
	}
	s.selected = nil
	s.stats.addOpen(s.open, -1)
	if err = failed; s.traced {
		err = s.connects.endTry()
	}
	if err == nil {
		return nil, nil
	}
	s.undialed = append(s.undialed, upstream.Dial)
	if isLocal(err) || strings.Contains(upstream.Dial, "{") {
		return nil, nil
	}
	s.stats.undialed.Add(1)
	return upstream, err
}

// startTries begins the tries of a reverse_proxy.
func (s *requestState) startTries() {
	_ = s.endWatch() // of another reverse_proxy
	s.tries = 0
	if s.mayResend {
		s.began = time.Now()
	}
}

// endWatch ends the watch of a try. It returns the error that it has canceled the
// try with, or nil.
func (s *requestState) endWatch() error {
	w := s.watch
	if w == nil {
		return nil
	}
	s.watch = nil
	return w.end()
}

// hasTried reports whether an upstream was chosen for an earlier try.
func (s *requestState) hasTried(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(s.tried, upstream.Dial)
}

// couldNotDial reports whether an upstream could not be dialed in an earlier try.
func (s *requestState) couldNotDial(upstream *reverseproxy.Upstream) bool {
	return slices.Contains(s.undialed, upstream.Dial)
}
