package testbed

import (
	"fmt"
	"strconv"
	"testing"
)

// Reconfigurable is a proxy whose upstreams can be replaced while it runs.
type Reconfigurable interface {
	// ServeReconfigurable serves nodes. The function that it returns replaces them,
	// and returns once the old config serves no new connection.
	ServeReconfigurable(t *testing.T, nodes []*Node) (Endpoint, func(nodes []*Node))
}

// WithGeneration returns a Caddy that sets a header to the generation of its
// config, so that each generation is another config and replies show which one
// they come from.
func WithGeneration(c Caddy, generation *int) Caddy {
	directive := c.Directive
	c.Directive = func(upstreams string) string {
		return fmt.Sprintf("header X-Generation %d\n%s", *generation, directive(upstreams))
	}
	return c
}

// ServeReconfigurable implements [Reconfigurable].
func (c Caddy) ServeReconfigurable(t *testing.T, nodes []*Node) (Endpoint, func([]*Node)) {
	t.Helper()
	loads := 0
	c = WithGeneration(c, &loads)
	endpoints, block := c.Sites(t, Site{Upstreams: Addresses(nodes)})
	running := c.Start(t, block, endpoints...)
	endpoints[0].Program, endpoints[0].DebugAddress = running.Process, running.Admin
	return endpoints[0], func(nodes []*Node) {
		loads++
		running.Load(t, c.SiteBlock(endpoints[0], Site{Upstreams: Addresses(nodes)}))
		RequireGenerationReplaced(t, endpoints[0], loads)
	}
}

// ServeReconfigurable implements [Reconfigurable].
func (h Traefik) ServeReconfigurable(t *testing.T, nodes []*Node) (Endpoint, func([]*Node)) {
	t.Helper()
	h.Chain = append([]string{GenerationMiddleware}, h.Chain...)
	running := h.StartServing(t, Site{Upstreams: Addresses(nodes)})
	return running.Endpoints[0], func(nodes []*Node) {
		h.Generation++
		running.sites[0].Upstreams = Addresses(nodes)
		running.Load(t, h)
		RequireGenerationReplaced(t, running.Endpoints[0], h.Generation)
	}
}

// RequireGenerationServed waits until the config of this generation answers a
// request.
func RequireGenerationServed(t *testing.T, f Endpoint, generation int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("config %d answers", generation), func() bool {
		resp, err := f.Get("/health")
		return err == nil && resp.Header.Get("X-Generation") == strconv.Itoa(generation)
	})
}

// RequireGenerationReplaced waits until all new connections reach the config of
// this generation. Caddy alone accepts some with the last one until its
// listener is closed; twenty in a row mean that it is.
func RequireGenerationReplaced(t *testing.T, f Endpoint, generation int) {
	t.Helper()
	RequireEventually(t, fmt.Sprintf("config %d has replaced the last one", generation), func() bool {
		for range 20 {
			resp, err := f.Get("/health")
			if err != nil || resp.Header.Get("X-Generation") != strconv.Itoa(generation) {
				return false
			}
		}
		return true
	})
}
