package command

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

func TestExplainSendsEveryByteOfASession(t *testing.T) {
	s := startAdmin(t)
	for session, want := range map[string]string{
		"/socket.io/?EIO=4&sid=a%0Ab": "/socket.io/?EIO=4&sid=a%0Ab",
		"é":                           "é",
		"a\xffb":                      "a%FFb",
		"a\"\n":                       "a\"\n",
	} {
		_, _, err := s.run(t, "explain", session)
		require.NoError(t, err)
		assert.Equal(t, want, s.explained)
	}
	stdout, _, err := s.run(t, "explain", "abc", "--json")
	require.NoError(t, err)
	assert.Contains(t, stdout, `"sid": "abc"`)
}

func TestExplanationsOfEachReason(t *testing.T) {
	up := &adminapi.ExplainedUpstream{Address: "a:1", Healthy: true}
	for _, tc := range []struct {
		name   string
		policy adminapi.PolicyExplanation
		want   []string
	}{
		{"a tag", adminapi.PolicyExplanation{Reason: "tag", Next: adminapi.NextPinned, Tag: "T", Upstream: up}, []string{"tag       T\n", "a:1, healthy\n", "It goes to a:1.\n"}},
		{
			"an accepted secret",
			adminapi.PolicyExplanation{Reason: "tag", Next: adminapi.NextPinned, Tag: "T", AcceptedSecret: 2, Upstream: up},
			[]string{"T, of the accepted secret 2, not of the secret of new sessions"},
		},
		{
			"a draining upstream",
			adminapi.PolicyExplanation{Reason: "learned", Next: adminapi.NextPinned, Upstream: &adminapi.ExplainedUpstream{Address: "a:1", Healthy: true, Draining: true}},
			[]string{"a:1, draining\n", "keeps its sessions"},
		},
		{
			"an upstream that cools down",
			adminapi.PolicyExplanation{Reason: "tag", Next: adminapi.NextPinned, Upstream: &adminapi.ExplainedUpstream{
				Address: "a:1", Healthy: true, CoolDown: &adminapi.CoolDown{Error: "refused", Until: time.Now()},
			}},
			[]string{"a:1, cooling down (0s left: refused)", "If that still cannot be dialed"},
		},
		{
			"an upstream at its limit",
			adminapi.PolicyExplanation{Reason: "tag", Next: adminapi.NextWaits, Upstream: &adminapi.ExplainedUpstream{Address: "a:1", Healthy: true, AtLimit: true}},
			[]string{"at its request limit", "It waits for a:1, up to lb_try_duration"},
		},
		{
			"an unhealthy upstream",
			adminapi.PolicyExplanation{Reason: "upstream_unhealthy", Next: adminapi.NextFallback, Upstream: &adminapi.ExplainedUpstream{Address: "a:1"}},
			[]string{"a:1, unhealthy\n", "look at its health check", "the client reconnects"},
		},
		{"a former upstream", adminapi.PolicyExplanation{Reason: "upstream_gone", Next: adminapi.NextFallback}, []string{"was removed", "the client reconnects"}},
		{"a rejected session", adminapi.PolicyExplanation{Reason: "upstream_gone", Next: adminapi.NextRejected}, []string{"This proxy replies 400", "the client reconnects"}},
		{"an unknown tag", adminapi.PolicyExplanation{Reason: "unknown_tag", Next: adminapi.NextFallback}, []string{"another secret or another spelling", "the client reconnects"}},
		{"no tag", adminapi.PolicyExplanation{Reason: "unknown_session", Next: adminapi.NextFallback}, []string{"has no tag", "compressed"}},
		{"not learned", adminapi.PolicyExplanation{Reason: "unknown_session", Learns: true, Next: adminapi.NextFallback}, []string{"does not have the session in its table"}},
		{"sid off", adminapi.PolicyExplanation{Next: adminapi.NextFallback, Cookie: true}, []string{"reason    none\n", "leaves the session ID alone", "With the cookie"}},
		{"no handler", adminapi.PolicyExplanation{Reason: "tag", MissingHandler: true, Next: adminapi.NextFallback}, []string{"No affinity handler is before", "may not have the session"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.policy.Server, tc.policy.Hosts = "srv0", []string{"chat.example.com"}
			text := explanationText(adminapi.Explanation{SID: "abc", Policies: []adminapi.PolicyExplanation{tc.policy}})
			assert.Contains(t, text, "session   abc\n")
			assert.Contains(t, text, "site      chat.example.com (server srv0)\n")
			for _, want := range tc.want {
				assert.Contains(t, text, want)
			}
		})
	}
}

func TestExplanationLeavesOutSitesThatDoNotKnowTheSession(t *testing.T) {
	knows := adminapi.PolicyExplanation{Server: "srv0", Hosts: []string{"a"}, Reason: "tag", Next: adminapi.NextPinned, Upstream: &adminapi.ExplainedUpstream{Address: "a:1"}}
	other := adminapi.PolicyExplanation{Server: "srv0", Hosts: []string{"b"}, Reason: "unknown_tag"}
	assert.Contains(t, explanationText(adminapi.Explanation{SID: "x", Policies: []adminapi.PolicyExplanation{knows, other, other}}), "\nOther sites do not know the session: 2.\n")
	assert.NotContains(t, explanationText(adminapi.Explanation{SID: "x", Policies: []adminapi.PolicyExplanation{other, other}}), "Other sites")
}

func TestExplanationsOfNoSession(t *testing.T) {
	assert.Contains(t, explanationText(adminapi.Explanation{Opens: true}), "it opens a session")
	assert.Contains(t, explanationText(adminapi.Explanation{}), "not safe to print")
}

func TestExplainTraefik(t *testing.T) {
	const first, second = "http://10.0.0.1:3000", "http://10.0.0.2:3000"
	own := "lv_6V8X-0PZ_1Ztd1AAAB"
	for _, tc := range []struct {
		name, session string
		names         string
		want          []traefikLevelExplanation
	}{
		{"a server", traefikHash(second) + "." + own, first + "," + second, []traefikLevelExplanation{{traefikHash(second), second}}},
		{"a URL", "https://a/socket.io/?EIO=4&transport=polling&sid=" + traefikHash(first) + "." + own, first, []traefikLevelExplanation{{traefikHash(first), first}}},
		{"another spelling", traefikHash(first+"/") + "." + own, first, []traefikLevelExplanation{{traefikHash(first + "/"), ""}}},
		{"two levels", traefikHash("blue") + "." + traefikHash(first) + "." + own, first + ", blue", []traefikLevelExplanation{{traefikHash("blue"), "blue"}, {traefikHash(first), first}}},
		{"a level that the session does not pass", traefikHash("blue") + ".." + own, "blue", []traefikLevelExplanation{{traefikHash("blue"), "blue"}, {"", ""}}},
		{"no tag", own, first, []traefikLevelExplanation{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stdout, _, err := run(t.Context(), "explain", tc.session, "--traefik", tc.names, "--json")
			require.NoError(t, err)
			var explanation traefikExplanation
			require.NoError(t, json.Unmarshal([]byte(stdout), &explanation))
			assert.Equal(t, traefikExplanation{SID: own, Levels: tc.want}, explanation)
		})
	}
	stdout, _, err := run(t.Context(), "explain", traefikHash(second)+"."+own, "--traefik", first+","+second)
	require.NoError(t, err)
	assert.Equal(t, "session   "+own+" (as the server knows it)\ntag       "+traefikHash(second)+", of "+second+"\n", stdout)
	stdout, _, err = run(t.Context(), "explain", traefikHash(second)+"."+own, "--traefik", first)
	require.NoError(t, err)
	assert.Contains(t, stdout, "of none of the 1 given")
	stdout, _, err = run(t.Context(), "explain", "\x1b[2J", "--traefik", first)
	require.NoError(t, err)
	assert.NotContains(t, stdout, "\x1b")
	assert.Contains(t, stdout, "tag       none.")
}

// A tag, or the session ID of a node, begins with a dash once in 64 times.
func TestExplainTakesSessionIDsThatBeginWithADash(t *testing.T) {
	s := startAdmin(t)
	for _, args := range [][]string{{"-OOpzi_pDV4uF"}, {"--OOpzi_pDV4uF"}, {"-c123"}, {"--", "-OOpzi_pDV4uF"}, {"--json", "-OOpzi_pDV4uF"}, {"-OOpzi_pDV4uF", "--json"}} {
		_, _, err := run(t.Context(), append([]string{"explain", "--address", s.Listener.Addr().String()}, args...)...)
		require.NoError(t, err, args)
		assert.True(t, strings.HasPrefix(s.explained, "-"), s.explained)
	}
	_, _, err := s.run(t, "explain", "-OOpzi_pDV4uF", "-OOpzi_pDV4uG")
	require.ErrorContains(t, err, "accepts 1 arg(s)")
	stdout, _, err := s.run(t, "explain", "--help")
	require.NoError(t, err)
	assert.Contains(t, stdout, "--traefik")
}
