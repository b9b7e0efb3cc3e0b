package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// siege is a host with a site that something hostile goes on at, and beside it
// one whose clients are to notice nothing. They talk all the while.
type siege struct {
	front // the hostile site

	beside front
	nodes  []*node
	crowds runningCrowds
	began  memory
}

// besiege starts a host with fake nodes behind the hostile site, and real ones
// behind the other, and returns it once the clients there are up.
func besiege(t *testing.T, h host, like setting, fakes ...string) *siege {
	t.Helper()
	s := &siege{nodes: startNodes(t, []string{"a", "b", "c"}, like.flags...)}
	fronts := h.serve(t, site{upstreams: fakes}, like.siteOf(s.nodes))
	s.front, s.beside = fronts[0], fronts[1]
	for _, transports := range [][]string{{"polling"}, {"polling", "websocket"}} {
		const clients = 9
		s.crowds = append(s.crowds, crowd{
			URL: s.beside.url, Clients: clients, Client: like.client, Transports: transports, Messages: 2, MaxBytes: 2000,
			Hold: "talk", Pause: 50, cookies: s.beside.cookies(clients, transports),
		}.start(t))
	}
	for _, r := range s.crowds {
		r.requireReady(t)
	}
	s.began = s.memory(t)
	return s
}

// lift ends the siege: whatever went on, nobody beside it noticed.
func (s *siege) lift(t *testing.T) {
	t.Helper()
	t.Logf("%s: %s began with %s, and has %s", t.Name(), s.proxy.name, s.began, s.memory(t))
	all := s.crowds.finishHeld(t)
	all.assertSpread(t, s.nodes)
	select {
	case <-s.proxy.exited:
		assert.Fail(t, s.proxy.name+" has ended", s.proxy.log.tail())
	default:
	}
}

// traefikProfiled is the plugin with these options in a Traefik that tells of
// itself, as Caddy does anyway.
func traefikProfiled(t *testing.T, options object) traefik {
	t.Helper()
	h := traefikWith(options)
	h.profile = freeAddress(t)
	return h
}
