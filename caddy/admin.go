package caddy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/core"
)

func init() {
	caddy.RegisterModule(adminAPI{})
}

// maxAdminBody is the maximum size of the body of an admin request, in bytes.
const maxAdminBody = 64 << 10

// errNoApp is returned by the admin API when no running config has the app.
var errNoApp = errors.New("the running config has no affinity policy: use the socketio directive, or lb_policy affinity in a reverse_proxy")

// errNoSession is returned by the admin API when there is no session to explain.
var errNoSession = errors.New("session: must be the URL or the query of a Socket.IO request, or a session ID")

// maxKnownUpstreams is how many upstreams an error names.
const maxKnownUpstreams = 20

// adminAPI serves the routes of package adminapi. Like all routes of Caddy's admin
// API, they obey its origins and, of the remote API, its permissions.
type adminAPI struct{}

// CaddyModule returns the Caddy module information.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "admin.api.affinity",
		New: func() caddy.Module { return new(adminAPI) },
	}
}

// Routes implements [caddy.AdminRouter].
func (adminAPI) Routes() []caddy.AdminRoute {
	route := func(pattern, method string, serve func(*sharedState, http.ResponseWriter, *http.Request) error) caddy.AdminRoute {
		return caddy.AdminRoute{Pattern: pattern, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
			if r.Method != method {
				w.Header().Set("Allow", method)
				return apiError(http.StatusMethodNotAllowed, fmt.Errorf("method not allowed: %s takes %s", pattern, method))
			}
			shared := runningState()
			if shared == nil {
				return apiError(http.StatusNotFound, errNoApp)
			}
			return serve(shared, w, r)
		})}
	}
	return []caddy.AdminRoute{
		route(adminapi.UpstreamsPath, http.MethodGet, serveUpstreams),
		route(adminapi.DrainPath, http.MethodPost, serveDrain),
		route(adminapi.UndrainPath, http.MethodPost, serveUndrain),
		route(adminapi.ExplainPath, http.MethodPost, serveExplain),
	}
}

// serveUpstreams serves the list of upstreams.
func serveUpstreams(shared *sharedState, w http.ResponseWriter, _ *http.Request) error {
	return writeJSON(w, shared.status())
}

// serveDrain drains an upstream.
func serveDrain(shared *sharedState, w http.ResponseWriter, r *http.Request) error {
	dial, err := readDrainRequest(shared, w, r)
	if err != nil {
		return err
	}
	shared.drains.add(dial)
	return writeUpstream(shared, w, dial)
}

// serveUndrain ends the drain of an upstream.
func serveUndrain(shared *sharedState, w http.ResponseWriter, r *http.Request) error {
	dial, err := readDrainRequest(shared, w, r)
	if err != nil {
		return err
	}
	shared.drains.remove(dial)
	return writeUpstream(shared, w, dial)
}

// serveExplain explains a session.
func serveExplain(shared *sharedState, w http.ResponseWriter, r *http.Request) error {
	var request adminapi.ExplainRequest
	if err := readJSON(w, r, &request); err != nil {
		return err
	}
	requests := core.ParseSessionText(request.Session)
	if len(requests) == 0 {
		return apiError(http.StatusBadRequest, errNoSession)
	}
	return writeJSON(w, shared.explain(requests))
}

// readDrainRequest returns the dial address in a request.
func readDrainRequest(shared *sharedState, w http.ResponseWriter, r *http.Request) (string, error) {
	var request adminapi.DrainRequest
	if err := readJSON(w, r, &request); err != nil {
		return "", err
	}
	if request.Upstream == "" {
		return "", apiError(http.StatusBadRequest, errors.New("upstream: must not be empty"))
	}
	if !shared.has(request.Upstream) {
		return "", apiError(http.StatusNotFound, fmt.Errorf("upstream %q: no affinity policy has an upstream with this address; there are: %s", request.Upstream, knownUpstreams(shared)))
	}
	return request.Upstream, nil
}

// knownUpstreams returns the addresses of the upstreams, as many as fit.
func knownUpstreams(shared *sharedState) string {
	var known []string
	for _, upstream := range shared.status() {
		if len(known) == maxKnownUpstreams {
			known = append(known, "and more")
			break
		}
		known = append(known, upstream.Address)
	}
	return strings.Join(known, ", ")
}

// readJSON reads the body of a request.
func readJSON(w http.ResponseWriter, r *http.Request, value any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(value); err != nil {
		return apiError(http.StatusBadRequest, fmt.Errorf("decoding request: %w", err))
	}
	return nil
}

// writeUpstream writes the state of one upstream.
func writeUpstream(shared *sharedState, w http.ResponseWriter, dial string) error {
	list := shared.status()
	i := slices.IndexFunc(list, func(status adminapi.Upstream) bool { return status.Address == dial })
	if i < 0 { // a former upstream that nothing is left of
		return writeJSON(w, adminapi.Upstream{Address: dial, Removed: true})
	}
	return writeJSON(w, list[i])
}

// writeJSON writes a reply.
func writeJSON(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(value)
}

// apiError returns an error that the admin API replies with a status.
func apiError(status int, err error) error {
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// runningState returns the shared state if a config has the app, and nil otherwise.
func runningState() *sharedState {
	var shared *sharedState
	sharedPool.Range(func(_, value any) bool {
		shared = value.(*sharedState)
		return false
	})
	return shared
}

// Interface guards.
var (
	_ caddy.AdminRouter = (*adminAPI)(nil)
)
