package command

import (
	"fmt"
	"strings"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// explanationText returns an explanation in words. If a policy knows the session,
// it leaves out those that do not.
func explanationText(explanation adminapi.Explanation) string {
	var text strings.Builder
	switch {
	case explanation.Opens:
		text.WriteString("The request has no session ID: it opens a session, on an upstream that the fallback policy selects.\n")
		return text.String()
	case explanation.SID == "":
		line(&text, "session", "one with characters that are not safe to print")
	default:
		line(&text, "session", printable(explanation.SID))
	}
	if len(explanation.Policies) == 0 {
		line(&text, "next", "The running config has no affinity policy yet.")
	}
	shown := explanation.Policies
	for i, policy := range shown {
		if i > 0 && policy.Upstream == nil && shown[0].Upstream != nil {
			fmt.Fprintf(&text, "\nOther sites do not know the session: %d.\n", len(shown)-i)
			break
		}
		text.WriteString("\n")
		explainPolicy(&text, policy)
	}
	return text.String()
}

// line writes a line with a label.
func line(text *strings.Builder, label, value string) {
	fmt.Fprintf(text, "%-10s%s\n", label, value)
}

// explainPolicy writes what a policy does.
func explainPolicy(text *strings.Builder, policy adminapi.PolicyExplanation) {
	line(text, "site", siteName(policy))
	if policy.Tag != "" {
		line(text, "tag", tagText(policy))
	}
	if policy.Upstream != nil {
		line(text, "upstream", printable(policy.Upstream.Address)+", "+explainedState(*policy.Upstream))
	}
	line(text, "reason", reasonText(policy))
	for i, sentence := range whyText(policy) {
		label := ""
		if i == 0 {
			label = "why"
		}
		line(text, label, sentence)
	}
	line(text, "next", nextText(policy))
}

// siteName returns where the policy is in the config.
func siteName(policy adminapi.PolicyExplanation) string {
	if policy.Server == "" {
		return "unknown: the reverse_proxy is in no route of a server"
	}
	name := strings.Join(policy.Hosts, ", ")
	if name == "" {
		name = strings.Join(policy.Listen, ", ")
	}
	if len(policy.Paths) > 0 {
		name += " " + strings.Join(policy.Paths, " ")
	}
	return fmt.Sprintf("%s (server %s)", printable(name), printable(policy.Server))
}

// tagText returns a tag and its secret.
func tagText(policy adminapi.PolicyExplanation) string {
	if policy.AcceptedSecret > 0 {
		return fmt.Sprintf("%s, of the accepted secret %d, not of the secret of new sessions", printable(policy.Tag), policy.AcceptedSecret)
	}
	return printable(policy.Tag)
}

// explainedState returns the state of an upstream in words.
func explainedState(upstream adminapi.ExplainedUpstream) string {
	state := stateOf(adminapi.Upstream{
		Removed: upstream.Removed, Healthy: upstream.Healthy, CoolDown: upstream.CoolDown, Draining: upstream.Draining,
	})
	if upstream.AtLimit {
		state += ", at its request limit"
	}
	if upstream.CoolDown != nil {
		state += " (" + whyCoolingDown(upstream.CoolDown) + ")"
	}
	return state
}

// reasonText returns the reason of the next request.
func reasonText(policy adminapi.PolicyExplanation) string {
	if policy.Reason == "" {
		return "none"
	}
	return printable(policy.Reason)
}

// whyText explains the reason, in sentences.
func whyText(policy adminapi.PolicyExplanation) []string {
	if policy.MissingHandler {
		return []string{
			"No affinity handler is before this reverse_proxy, so none of its sessions is pinned.",
			"Use the socketio directive, or put the affinity directive before the reverse_proxy.",
		}
	}
	switch policy.Reason {
	case "tag":
		return []string{"The session ID has the tag of this upstream."}
	case "learned":
		return []string{"This process has learned the session."}
	case "unknown_tag":
		return []string{
			"No upstream has this tag, or has had it since Caddy started. Another proxy has added it, with",
			"another secret or another spelling of the upstreams, or these have changed.",
		}
	case "unknown_session":
		if policy.Learns {
			return []string{
				"This process does not have the session in its table: the session has expired or was evicted,",
				"or another proxy, or this one before it was restarted, has learned it.",
			}
		}
		return []string{
			"The session ID has no tag. Usual causes: the handshake did not pass the affinity handler and",
			"an affinity policy, or its reply was compressed, or another proxy without this module served it.",
		}
	case "upstream_gone":
		return []string{
			"The upstream of the session was removed, or is one of another reverse_proxy.",
			"Changing the address of an upstream or the secret removes the former upstream.",
		}
	case "upstream_unhealthy":
		return []string{"The upstream of the session is unhealthy. If it is up, look at its health check."}
	default:
		return []string{"The sid option leaves the session ID alone."}
	}
}

// nextText says what happens to the next request.
func nextText(policy adminapi.PolicyExplanation) string {
	var next string
	switch policy.Next {
	case adminapi.NextPinned:
		next = "It goes to " + printable(policy.Upstream.Address) + "."
		if policy.Upstream.CoolDown != nil {
			next += ` If that still cannot be dialed, the reply is 400 "Session ID unknown", and the client reconnects.`
		} else if policy.Upstream.Draining {
			next += " A draining upstream keeps its sessions."
		}
	case adminapi.NextWaits:
		next = "It waits for " + printable(policy.Upstream.Address) + ", up to lb_try_duration."
	case adminapi.NextRejected:
		next = `This proxy replies 400 "Session ID unknown" itself, and the client reconnects.`
	default:
		next = `It goes to an upstream that the fallback policy selects, which replies 400 "Session ID unknown", and the client reconnects.`
		if policy.Reason == "" || policy.MissingHandler {
			next = "It goes to an upstream that the fallback policy selects, which may not have the session."
		}
		if policy.Cookie {
			next += " With the cookie of its upstream, it goes to that."
		}
	}
	return next
}
