package systems

import (
	"context"
	"fmt"

	"github.com/eio-affinity/affinity/internal/peers"
)

// The other proxies of Socket.IO's page, with the configurations that it gives for
// them. They serve no HTTPS.
var (
	// Nginx sends all clients of the benchmark to one node, as they have one address.
	Nginx = System{Name: "nginx, hash of the address", NoTLS: true, peer: "nginx-hash"}

	// HAProxy puts the node into a cookie that the nodes set.
	HAProxy = System{Name: "HAProxy, cookie", Cookies: true, NodeCookie: true, NoTLS: true, peer: "haproxy"}

	// Apache sets a cookie of its own. Its MaxRequestWorkers are 400.
	Apache = System{Name: "Apache, cookie", Cookies: true, NoTLS: true, MaxIdle: 400, peer: "apache"}
)

// startPeer starts the system as package peers does.
func (r *Running) startPeer(ctx context.Context, nodes []string) error {
	named := peers.Named(r.System.peer)
	if len(named) != 1 {
		return fmt.Errorf("package peers has no system %q", r.System.peer)
	}
	running, err := named[0].Start(ctx, peers.Site{Nodes: nodes})
	if err != nil {
		return err
	}
	r.peer, r.Process, r.Address = running, running.Process, running.Address()
	return r.awaitReady(ctx)
}
