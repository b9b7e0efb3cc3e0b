package caddy

import (
	"cmp"
	"slices"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/core"
)

// explain returns what the policies of the running configs would do with a request,
// which is the first of these that leads to an upstream.
func (s *sharedState) explain(requests []core.Request) adminapi.Explanation {
	explanation := adminapi.Explanation{
		SID:      core.PrintableRaw(requests[0].SID),
		Opens:    requests[0].IsHandshake(),
		Policies: []adminapi.PolicyExplanation{},
	}
	for _, policy := range s.policies.all() {
		explanation.Policies = append(explanation.Policies, policy.explain(requests, s.sessions.NewPeekShare()))
	}
	slices.SortFunc(explanation.Policies, func(a, b adminapi.PolicyExplanation) int {
		return cmp.Or(cmp.Compare(rankOf(b), rankOf(a)), cmp.Compare(a.Server, b.Server),
			slices.Compare(a.Hosts, b.Hosts), slices.Compare(a.Paths, b.Paths))
	})
	return explanation
}

// rankOf ranks an explanation by what it knows about the session.
func rankOf(e adminapi.PolicyExplanation) int {
	switch {
	case e.Upstream != nil && !e.Upstream.Removed:
		return 3
	case e.Upstream != nil:
		return 2
	case e.Tag != "":
		return 1
	default:
		return 0
	}
}

// explain returns what the policy would do with the next request of a session.
func (a *AffinitySelection) explain(requests []core.Request, sessions *core.Share) adminapi.PolicyExplanation {
	at, found := siteOf(a.http, a.proxy)
	mode := core.ModeAuto
	if at.handler != nil {
		mode = at.handler.mode
	}
	var best adminapi.PolicyExplanation
	for i, request := range requests {
		if explained := a.explainAs(request, mode, sessions); i == 0 || rankOf(explained) > rankOf(best) {
			best = explained
		}
	}
	best.Server, best.Listen, best.Hosts, best.Paths = at.server, at.listen, at.hosts, at.paths
	best.MissingHandler = found && at.handler == nil
	best.Cookie = a.Cookie != nil
	if best.MissingHandler {
		best.Next = adminapi.NextFallback
	}
	return best
}

// explainAs explains a request under a mode.
func (a *AffinitySelection) explainAs(request core.Request, mode core.Mode, sessions *core.Share) adminapi.PolicyExplanation {
	pool := a.pool()
	learns := mode.Learns(request.Version)
	reason, tag := core.Resolve(request, mode, core.UpstreamTags, sessions,
		func(tag string) bool { return a.knowsTag(pool, tag, learns) })
	e := adminapi.PolicyExplanation{Mode: string(mode), Learns: learns, Next: adminapi.NextFallback, Tag: tag}
	upstream, tagged := a.tags.find(pool, tag)
	if tagged != nil {
		e.AcceptedSecret = slices.Index(tagged.tags, tag)
		e.Upstream = &adminapi.ExplainedUpstream{Address: tagged.dial, Removed: true}
	}
	switch {
	case tag == "":
	case upstream == nil:
		if reason != core.ReasonUnknownTag {
			reason = core.ReasonUpstreamGone
		}
	default:
		*e.Upstream = a.explainUpstream(upstream)
		switch {
		case !e.Upstream.Healthy:
			reason = core.ReasonUpstreamUnhealthy
		case e.Upstream.AtLimit:
			e.Next = adminapi.NextWaits
		default:
			e.Next = adminapi.NextPinned
		}
	}
	e.Reason = string(reason)
	if a.rejectsLost && tag != "" && e.Next == adminapi.NextFallback {
		e.Next = adminapi.NextRejected
	}
	return e
}

// explainUpstream returns the state of an upstream as the policy sees it.
func (a *AffinitySelection) explainUpstream(upstream *reverseproxy.Upstream) adminapi.ExplainedUpstream {
	return adminapi.ExplainedUpstream{
		Address:  upstream.Dial,
		Healthy:  upstream.Healthy(),
		AtLimit:  upstream.Full(),
		Draining: a.isDraining(upstream),
		CoolDown: a.coolDownOf(upstream),
	}
}
