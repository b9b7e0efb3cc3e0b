package caddy

import (
	"cmp"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// maxErrorLength is how many bytes of an error the status of an upstream has.
const maxErrorLength = 256

// status returns the state of all upstreams, ordered by address: those that the
// policies of the running configs have, and former ones that have something open
// or are draining.
func (s *sharedState) status() []adminapi.Upstream {
	byDial := map[string]*adminapi.Upstream{}
	learnable := map[string][]string{}
	for _, policy := range s.policies.all() {
		pool := policy.pool()
		for _, upstream := range pool {
			status := byDial[upstream.Dial]
			if status == nil {
				status = &adminapi.Upstream{Address: upstream.Dial, Healthy: true}
				byDial[upstream.Dial] = status
			}
			tags := policy.tags.of(pool, upstream).tags
			status.Tags = append(status.Tags, tags[0])
			learnable[upstream.Dial] = append(learnable[upstream.Dial], tags...)
			status.Healthy = status.Healthy && upstream.Healthy()
			if coolDown := policy.coolDownOf(upstream); coolDown != nil && (status.CoolDown == nil || coolDown.Until.After(status.CoolDown.Until)) {
				status.CoolDown = coolDown
			}
			if slices.Contains(policy.Drain, upstream.Dial) {
				status.Draining, status.DrainedBy = true, adminapi.DrainedByConfig
			}
		}
	}
	for _, dial := range s.drains.all() {
		if byDial[dial] == nil {
			byDial[dial] = &adminapi.Upstream{Address: dial, Removed: true}
		}
		byDial[dial].Draining, byDial[dial].DrainedBy = true, adminapi.DrainedByAdmin
	}
	for _, dial := range s.upstreams.all() {
		if stats := s.upstreams.find(dial); stats != nil && byDial[dial] == nil && stats.open() > 0 {
			byDial[dial] = &adminapi.Upstream{Address: dial, Removed: true}
		}
	}

	list := make([]adminapi.Upstream, 0, len(byDial))
	for dial, status := range byDial {
		if stats := s.upstreams.find(dial); stats != nil {
			status.OpenPolls, status.OpenWebSockets = stats.openPolls.Load(), stats.openWebSockets.Load()
			status.Opened, status.Lost, status.FailedDials = stats.opened.Load(), stats.lost.Load(), stats.undialed.Load()
			status.HandshakeTimeouts = stats.unanswered.Load()
		}
		status.Tags = distinct(status.Tags)
		for _, tag := range distinct(learnable[dial]) {
			status.Learned += s.sessions.LenOf(tag)
		}
		list = append(list, *status)
	}
	slices.SortFunc(list, func(a, b adminapi.Upstream) int { return cmp.Compare(a.Address, b.Address) })
	return list
}

// coolDownOf returns why an upstream is cooling down for a policy, or nil.
func (a *AffinitySelection) coolDownOf(upstream *reverseproxy.Upstream) *adminapi.CoolDown {
	failed, left := a.coolDowns.left(upstream)
	if failed == nil {
		return nil
	}
	return &adminapi.CoolDown{Error: truncate(failed.err.Error()), Until: time.Now().Add(left)}
}

// has reports whether there is an upstream with this dial address, current or
// former, so that it can be drained.
func (s *sharedState) has(dial string) bool {
	if s.upstreams.find(dial) != nil || s.drains.has(dial) {
		return true
	}
	return slices.ContainsFunc(s.status(), func(status adminapi.Upstream) bool { return status.Address == dial })
}

// distinct returns the distinct strings of a list, sorted. It returns an empty list
// rather than nil, for JSON.
func distinct(list []string) []string {
	sorted := append([]string{}, list...)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// truncate cuts a message that is too long to show.
func truncate(message string) string {
	if len(message) > maxErrorLength {
		return message[:maxErrorLength]
	}
	return message
}
