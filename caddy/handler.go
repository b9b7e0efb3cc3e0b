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

// Handler reads from each request the Socket.IO (Engine.IO) session that it
// belongs to, for the selection policy "affinity" of the reverse_proxy behind
// it, and binds each new session to the upstream that opened it: it puts the
// upstream's tag in front of the session ID that the client gets, and takes it
// off again before any node sees it, or else remembers the session ID. Replies
// that open no session pass as they are, but for the policy's cookie.
//
// A server with this handler loses no new connection while Caddy replaces its
// config: see the handover option of [App].
//
// It sets these placeholders on Engine.IO requests, and on others whose upstream
// the policy's cookie has chosen:
//
// Placeholder | Description
// ------------|-------------
// `{http.affinity.sid}` | The node's own session ID. Empty when the client sent one that has no place in a log.
// `{http.affinity.tag}` | The tag of the session's upstream.
// `{http.affinity.reason}` | What the upstream was chosen by: `tag` (the session ID says so), `learned` (this proxy remembers it), `cookie` (the client's cookie says so), `new` (a new session), `lost` (a session whose upstream is not known or cannot be reached), or empty (a session that the sid option leaves alone).
type Handler struct {
	// How to remember the upstream of a session: `tag` puts the upstream's tag
	// in front of the session ID that the client gets, so that nothing has to
	// be remembered; `learn` leaves the session ID as it is and remembers it,
	// in this process, for the pingInterval and pingTimeout of its handshake
	// since its last use; `auto` is `tag` for Engine.IO 4 (Socket.IO 3 and 4)
	// and `learn` for Engine.IO 3 (Socket.IO 2), where the session ID is also
	// the socket.id that applications see; `off` does neither. Default: `auto`.
	SID string `json:"sid,omitempty"`

	mode   core.Mode
	share  *core.Share // of the learned sessions
	logger *zap.Logger

	// warnedOfPolicy is set once there was a warning that the policy is missing.
	warnedOfPolicy *atomic.Bool
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
	h.warnedOfPolicy = new(atomic.Bool)
	mode, err := core.ParseMode(h.SID)
	if err != nil {
		return err
	}
	h.mode = mode
	app, err := appOf(ctx)
	if err != nil {
		return err
	}
	if mode.MayLearn() {
		h.share = app.sessions.NewShare()
	}
	if app.handover != nil {
		app.handover.Join(ctx)
	}
	return nil
}

// ServeHTTP implements [caddyhttp.MiddlewareHandler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	state := stateOf(r.Context())
	switch {
	case state == nil:
		state = newState(r.Context())
	case state.handled:
		// There is a handler in front of this one, say one of the site and
		// one in a socketio directive.
		return next.ServeHTTP(w, r)
	}
	state.handled, state.policy = true, nil
	defer func() {
		state.handled = false
		if state.policy != nil {
			state.policy.endTry(state)
		}
	}()

	w = newReplyWriter(w, state)
	req, isEngineIO := core.ParseRequest(r.URL.RawQuery)
	state.isEngineIO, state.hasSession = isEngineIO, isEngineIO && !req.IsHandshake()
	state.engineIO, state.mode, state.share = req, h.mode, h.share
	// A preflight has no cookies, and browsers keep none of its reply.
	state.maySetCookie = !state.hasSession && r.Method != http.MethodOptions
	r = state.connect.withTrace(r)
	if !isEngineIO {
		return next.ServeHTTP(w, r)
	}

	state.sid = core.PrintableRaw(req.SID)
	if (h.mode.Tags(req.Version) || h.mode.Learns(req.Version)) && req.IsPollingHandshake(r) {
		return h.open(w, r, next, state, h.mode.Learns(req.Version))
	}
	return next.ServeHTTP(w, r)
}

// open serves a handshake poll, and binds or learns the session that it opens.
func (h *Handler) open(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler, state *requestState, learn bool) error {
	// A compressed open packet cannot be read. There is nothing to lose: it
	// has a hundred bytes, and the encode handler still sees what the client
	// accepts, as it is in front of this one.
	const field = "Accept-Encoding"
	accepted, had := r.Header[field]
	r.Header[field] = []string{"identity"}
	defer func() {
		delete(r.Header, field)
		if had {
			r.Header[field] = accepted
		}
	}()

	rewriter := core.NewHandshakeRewriter(w, func(_ http.Header, opened core.Handshake) string {
		state.sid = core.Printable(opened.SID)
		if !learn {
			return state.chosen
		}
		if state.chosen != "" {
			h.learn(opened, state.chosen)
		}
		return ""
	})
	whole := false
	defer func() {
		if !whole { // reverse_proxy panics when its upstream breaks off
			rewriter.Abort()
		}
	}()
	err := next.ServeHTTP(rewriter, r)
	whole = true
	opened, closeErr := rewriter.Close()
	if opened {
		h.logOpened(state, closeErr)
	}
	return err
}

// learn remembers the upstream of a session. It warns of a table that is full,
// at the first session that had to go, the tenth, the hundredth and so on.
func (h *Handler) learn(opened core.Handshake, tag string) {
	if dropped, full := h.share.Learn(opened, tag); full && core.IsPowerOfTen(dropped) {
		h.logger.Warn("a learned Socket.IO session was dropped before its time, as there were too many; its client has to connect anew; "+
			"raise max_sessions of the affinity app",
			zap.Uint64("dropped", dropped))
	}
}

// logOpened says how a new session was bound, or, once, that it was not.
func (h *Handler) logOpened(state *requestState, err error) {
	if state.chosen == "" {
		if h.warnedOfPolicy.CompareAndSwap(false, true) {
			h.logger.Warn("a Socket.IO session was opened, but no lb_policy affinity chose its upstream, so the session is not kept; " +
				"use the socketio directive, or set lb_policy affinity in the reverse_proxy behind this handler")
		}
		return
	}
	if c := h.logger.Check(zapcore.DebugLevel, "bound session"); c != nil {
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

// unmarshalOption reads one option with its arguments.
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
