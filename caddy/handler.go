package caddy

import (
	"net/http"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/eio-affinity/affinity/core"
)

func init() {
	caddy.RegisterModule(Handler{})
	httpcaddyfile.RegisterHandlerDirective("affinity", parseAffinity)
	httpcaddyfile.RegisterDirectiveOrder("affinity", httpcaddyfile.Before, "reverse_proxy")
}

// Handler finds the Socket.IO (Engine.IO) session of each request, for the
// selection policy "affinity" of the reverse_proxy after it, and pins each new
// session to the upstream that opened it. To do so, it either adds the upstream's
// tag to the session ID that the client gets, and removes it from the requests to
// the upstream, or learns the session ID. It changes no other replies, except
// that the policy may set a cookie.
//
// The sockets of a server with this handler are handed over from one config to
// the next, so that a reload loses no requests. See the handover option of [App].
//
// This handler sets these placeholders on Engine.IO requests, and on other
// requests whose upstream is chosen by the policy's cookie:
//
// Placeholder | Description
// ------------|-------------
// `{http.affinity.sid}` | The session ID as the upstream knows it, without a tag. Empty if it is longer than 256 bytes or has characters that are not safe to log.
// `{http.affinity.tag}` | The tag of the session's upstream.
// `{http.affinity.reason}` | Why the request went to its upstream; see below.
//
// With these reasons, the request went to the upstream that it is pinned to:
//
// Reason | Description
// -------|-------------
// `tag` | The session ID has the tag of the upstream.
// `learned` | This process has learned the session.
// `cookie` | The client's cookie has the tag of the upstream.
//
// With any other reason, the fallback policy selected the upstream, or the request
// was rejected; see the `lost` option of [AffinitySelection]:
//
// Reason | Description
// -------|-------------
// `new` | The request opens a session.
// `unknown_tag` | The session ID has a tag that no upstream has, or has had since Caddy started. A proxy with another secret may have added it.
// `unknown_session` | The session ID has no tag, and this process has not learned the session, or it has expired.
// `upstream_gone` | The upstream of the session was removed, or is one of another reverse_proxy. Changing the address of an upstream or the secret removes the former upstream.
// `upstream_unhealthy` | The upstream of the session is unhealthy or could not be dialed.
// (empty) | The `sid` option leaves the session ID alone.
//
// If the session ID leads to no upstream, but the cookie does, `upstream_gone` and
// `upstream_unhealthy` are about the upstream of the cookie.
type Handler struct {
	// How to pin sessions. `tag` adds the upstream's tag to the session ID that
	// the client gets; no state is kept. `learn` does not change the session ID
	// and keeps it in the memory of this process, for the pingInterval plus the
	// pingTimeout of its handshake after its last use. `auto` is `tag` for
	// Engine.IO 4 (Socket.IO 3 and 4) and `learn` for Engine.IO 3 (Socket.IO 2),
	// where applications see the session ID as `socket.id`. `off` does neither.
	// Default: `auto`.
	SID string `json:"sid,omitempty"`

	mode   core.Mode
	share  *core.Share // of the learned sessions
	counts *requestCounts
	logger *zap.Logger

	// warnedMissingPolicy is set after the warning that the policy is missing.
	warnedMissingPolicy *atomic.Bool
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.affinity",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger = ctx.Logger()
	h.warnedMissingPolicy = new(atomic.Bool)
	mode, err := core.ParseMode(h.SID)
	if err != nil {
		return err
	}
	h.mode = mode
	app, err := loadApp(ctx)
	if err != nil {
		return err
	}
	h.counts = &app.shared.requests
	if mode.MayLearn() {
		h.share = app.shared.sessions.NewShare()
	}
	if app.handover != nil {
		app.handover.Join(ctx)
	}
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) (err error) {
	state := stateOf(r.Context())
	switch {
	case state == nil:
		state = newState(r.Context())
	case state.handling:
		// There is a handler before this one, for example one of the site and
		// one of a socketio directive.
		return next.ServeHTTP(w, r)
	}
	state.handling, state.policy = true, nil
	defer func() {
		state.handling = false
		if state.policy != nil {
			state.policy.endTry(state, dialError(err))
		}
		state.noteEnd(err)
	}()

	w = newReplyWriter(w, state)
	req, isEngineIO := core.ParseRequest(r.URL.RawQuery)
	state.isEngineIO, state.hasSession = isEngineIO, isEngineIO && !req.IsHandshake()
	if isEngineIO {
		state.kind = req.Kind(r)
		state.open = openKindOf(state.kind, r)
	}
	state.counts, state.counted = h.counts, false
	state.engineIO, state.mode, state.share = req, h.mode, h.share
	// Browsers send no cookies in a preflight request and ignore those of its
	// reply.
	state.maySetCookie = !state.hasSession && r.Method != http.MethodOptions
	state.mayResend = isEngineIO && !state.hasSession && hasNoBody(r)
	if !isEngineIO {
		return next.ServeHTTP(w, r)
	}

	state.sid = core.PrintableRaw(req.SID)
	if req.IsPollingHandshake(r) {
		if learn := h.mode.Learns(req.Version); learn || h.mode.Tags(req.Version) {
			return h.serveHandshake(w, r, next, state, learn)
		}
		h.counts.addUnbound(unboundSIDOff)
	}
	state.rejected = false
	if err = next.ServeHTTP(w, r); err != nil && state.rejected {
		return replyUnknown(w, r)
	}
	return err
}

// hasNoBody reports whether a request has no body. That of a WebSocket over HTTP/2
// or HTTP/3 begins after the handshake.
func hasNoBody(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodOptions:
		return r.ContentLength == 0
	default:
		return r.Method == http.MethodConnect
	}
}

// serveHandshake serves a handshake poll, and tags or learns the new session.
func (h *Handler) serveHandshake(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, state *requestState, learn bool) error {
	// A compressed open packet cannot be read. It is about a hundred bytes, so
	// compression would save nothing, and the encode handler, which is before
	// this one, still sees what the client accepts.
	const field = "Accept-Encoding"
	accepted, present := r.Header[field]
	r.Header[field] = []string{"identity"}
	defer func() {
		delete(r.Header, field)
		if present {
			r.Header[field] = accepted
		}
	}()

	rewriter := core.NewHandshakeRewriter(w, func(_ http.Header, opened core.Handshake) string {
		state.sid = core.Printable(opened.SID)
		if !learn {
			return state.chosen
		}
		if state.chosen != "" {
			h.learnSession(opened, state.chosen)
		}
		return ""
	})
	returned := false
	defer func() {
		if !returned { // reverse_proxy panics if the upstream's reply is cut short
			rewriter.Abort()
		}
		if cause := rewriter.Unbound(); cause != core.NotUnbound {
			h.counts.addUnbound(int(cause))
		} else if state.chosen == "" {
			h.counts.addUnbound(unboundNoPolicy)
		}
	}()
	err := next.ServeHTTP(rewriter, r)
	returned = true
	opened, closeErr := rewriter.Close()
	if opened {
		h.logOpened(state, closeErr)
	}
	return err
}

// learnSession learns the upstream of a session. If the table is full, it logs a
// warning at the first session dropped, the tenth, the hundredth and so on.
func (h *Handler) learnSession(opened core.Handshake, tag string) {
	if dropped, full := h.share.Learn(opened, tag); full && core.IsPowerOfTen(dropped) {
		h.logger.Warn("dropped a learned Socket.IO session because there are too many, so its client has to reconnect; "+
			"increase max_sessions of the affinity app",
			zap.Uint64("dropped", dropped))
	}
}

// logOpened logs a new session. If no policy chose its upstream, it logs one
// warning.
func (h *Handler) logOpened(state *requestState, err error) {
	if state.stats != nil {
		state.stats.opened.Add(1)
	}
	if state.chosen == "" {
		if h.warnedMissingPolicy.CompareAndSwap(false, true) {
			h.logger.Warn("cannot pin Socket.IO sessions because no lb_policy affinity chose their upstream; " +
				"use the socketio directive, or set lb_policy affinity in the reverse_proxy after this handler")
		}
		return
	}
	if c := h.logger.Check(zapcore.DebugLevel, "opened session"); c != nil {
		c.Write(zap.String("sid", state.sid), zap.String("tag", state.chosen), zap.Error(err))
	}
}

// parseAffinity sets up the handler from Caddyfile tokens. Syntax:
//
//	affinity [<matcher>] {
//	    sid auto|tag|learn|off
//	}
func parseAffinity(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	handler := new(Handler)
	err := handler.UnmarshalCaddyfile(h.Dispenser)
	return handler, err
}

// UnmarshalCaddyfile sets up the handler from Caddyfile tokens. See
// parseAffinity for the syntax.
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalBlock(d, h.unmarshalOption)
}

// unmarshalOption parses one option with its arguments.
func (h *Handler) unmarshalOption(d *caddyfile.Dispenser) error {
	switch d.Val() {
	case "sid":
		if err := unmarshalValue(d, &h.SID); err != nil {
			return err
		}
		if _, err := core.ParseMode(h.SID); err != nil {
			return d.WrapErr(err)
		}
		return nil

	default:
		return d.Errf("unrecognized option '%s'", d.Val())
	}
}

// Interface guards.
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
	_ caddyfile.Unmarshaler       = (*Handler)(nil)
)
