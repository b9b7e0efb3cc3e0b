// Package adminapi has the types of this module's part of Caddy's admin API,
// which the app "affinity" serves and the command "caddy affinity" calls.
package adminapi

import "time"

// The routes, each with the method that it takes.
const (
	// UpstreamsPath (GET) returns a list of [Upstream].
	UpstreamsPath = "/affinity/upstreams"

	// DrainPath (POST) takes a [DrainRequest], and returns the [Upstream] after it
	// was drained. Draining a draining upstream changes nothing.
	DrainPath = "/affinity/drain"

	// UndrainPath (POST) takes a [DrainRequest], and returns the [Upstream] after
	// the drain was undone.
	UndrainPath = "/affinity/undrain"
)

// DrainRequest names the upstream to drain, or to drain no more.
type DrainRequest struct {
	// Upstream is the dial address, as [Upstream.Address].
	Upstream string `json:"upstream"`
}

// Upstream is the state of an upstream of any affinity policy of the process. Its
// counts are of all sites together, and survive a config reload.
type Upstream struct {
	// Address is the dial address, as the config has it.
	Address string `json:"address"`

	// Tags has the tag of the upstream in new sessions. There is more than one if
	// policies with different secrets have it.
	Tags []string `json:"tags"`

	// Removed reports whether no policy has the upstream any more, so that only
	// what was open when it was removed is left.
	Removed bool `json:"removed"`

	// Healthy reports whether the health checks of all sites find it healthy. An
	// upstream without health checks is healthy.
	Healthy bool `json:"healthy"`

	// CoolDown is why new sessions avoid the upstream for now, or nil.
	CoolDown *CoolDown `json:"cool_down,omitempty"`

	// Draining reports whether new sessions never go to the upstream, and DrainedBy
	// why: DrainedByAdmin or DrainedByConfig.
	Draining  bool   `json:"draining"`
	DrainedBy string `json:"drained_by,omitempty"`

	// OpenPolls is the number of polls that wait for packets, and OpenWebSockets
	// that of open WebSockets. A session has one of them open almost always.
	OpenPolls      int64 `json:"open_polls"`
	OpenWebSockets int64 `json:"open_websockets"`

	// Opened is the number of sessions opened since Caddy started.
	Opened uint64 `json:"opened"`

	// Lost is the number of polling requests of open sessions that failed: the
	// upstream was unhealthy, broke off, or did not know the session. A lost
	// session normally has one. Those lost after the upstream was removed are not
	// among them.
	Lost uint64 `json:"lost"`

	// Learned is the number of its sessions in the table of learned sessions.
	Learned int `json:"learned"`

	// FailedDials is the number of connections that could not be made.
	FailedDials uint64 `json:"failed_dials"`

	// HandshakeTimeouts is the number of handshakes that it did not answer within the
	// handshake_timeout, and that went to another upstream.
	HandshakeTimeouts uint64 `json:"handshake_timeouts"`
}

// The values of [Upstream.DrainedBy].
const (
	// DrainedByAdmin: by the admin API. It takes precedence.
	DrainedByAdmin = "admin"

	// DrainedByConfig: by the drain option of a policy.
	DrainedByConfig = "config"
)

// CoolDown is why new sessions avoid an upstream.
type CoolDown struct {
	// Error is why the upstream could not be dialed.
	Error string `json:"error"`

	// Until is when new sessions stop avoiding it.
	Until time.Time `json:"until"`
}
