package caddy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/caddy/adminapi"
	"github.com/eio-affinity/affinity/core"
)

// explained returns what the policies say about a session.
func explained(t *testing.T, session string) adminapi.Explanation {
	t.Helper()
	body, err := json.Marshal(adminapi.ExplainRequest{Session: session})
	require.NoError(t, err)
	var explanation adminapi.Explanation
	status, message := callAdmin(t, http.MethodPost, adminapi.ExplainPath, string(body), &explanation)
	require.Equal(t, http.StatusOK, status, message)
	return explanation
}

// explainedBy returns what the only policy says about a session.
func explainedBy(t *testing.T, session string) adminapi.PolicyExplanation {
	t.Helper()
	explanation := explained(t, session)
	require.Len(t, explanation.Policies, 1)
	return explanation.Policies[0]
}

func TestExplainSaysWhatTheNextRequestGets(t *testing.T) {
	n := startNode(t, "a")
	tag := tagOfNode(n)
	other := core.NewTagger("theirs").Tag(n.address())
	old := core.NewTagger("old").Tag(n.address())
	up := &adminapi.ExplainedUpstream{Address: n.address(), Healthy: true}
	url := "https://chat.example.com/socket.io/?"
	for _, tc := range []struct {
		name, options, session string
		want                   adminapi.PolicyExplanation
	}{
		{"a tag", "", tag + ".a-1", adminapi.PolicyExplanation{Mode: "auto", Reason: "tag", Next: "pinned", Tag: tag, Upstream: up}},
		{"a URL with a tag", "", url + polling + "&sid=" + tag + ".a-1", adminapi.PolicyExplanation{Mode: "auto", Reason: "tag", Next: "pinned", Tag: tag, Upstream: up}},
		{"an old secret", "secret new old", old + ".a-1", adminapi.PolicyExplanation{Mode: "auto", Reason: "tag", Next: "pinned", Tag: old, AcceptedSecret: 1, Upstream: up}},
		{"another secret", "", other + ".a-1", adminapi.PolicyExplanation{Mode: "auto", Reason: "unknown_tag", Next: "fallback", Tag: other}},
		{"another secret, rejected", "lost reject", other + ".a-1", adminapi.PolicyExplanation{Mode: "auto", Reason: "unknown_tag", Next: "rejected", Tag: other}},
		{"no tag, not rejected", "lost reject", "a-7", adminapi.PolicyExplanation{Mode: "auto", Reason: "unknown_session", Next: "fallback"}},
		{"no tag", "", "a-7", adminapi.PolicyExplanation{Mode: "auto", Reason: "unknown_session", Next: "fallback"}},
		{"a learned session", "", "a-1", adminapi.PolicyExplanation{Mode: "auto", Learns: true, Reason: "learned", Next: "pinned", Tag: tag, Upstream: up}},
		{"a URL of a learned session", "", polling3 + "&sid=a-1", adminapi.PolicyExplanation{Mode: "auto", Learns: true, Reason: "learned", Next: "pinned", Tag: tag, Upstream: up}},
		{"a session that was not learned", "", polling3 + "&sid=a-7", adminapi.PolicyExplanation{Mode: "auto", Learns: true, Reason: "unknown_session", Next: "fallback"}},
		{"a session with sid off", "sid off\ncookie", tag + ".a-1", adminapi.PolicyExplanation{Mode: "off", Next: "fallback", Cookie: true}},
		{"a draining upstream", "drain " + n.address(), tag + ".a-1", adminapi.PolicyExplanation{
			Mode: "auto", Reason: "tag", Next: "pinned", Tag: tag, Upstream: &adminapi.ExplainedUpstream{Address: n.address(), Healthy: true, Draining: true},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			n.sessions.Store(0)
			s := serve(t, "socketio /socket.io/* "+n.address()+" {\n"+tc.options+"\n}")
			s.get(t, polling3) // opens the session a-1
			tc.want.Server, tc.want.Listen = "srv0", []string{strings.TrimPrefix(s.url, "http://")}
			tc.want.Hosts, tc.want.Paths = []string{"127.0.0.1"}, []string{"/socket.io/*"}
			assert.Equal(t, tc.want, explainedBy(t, tc.session))
		})
	}
}

func TestExplainFindsALearnedSessionByItsIDAlone(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	sid := s.open(t, polling3)
	assert.Equal(t, "learned", explainedBy(t, sid).Reason)
	assert.Equal(t, 1, upstreamsOf(t)[n.address()].Learned)
}

func TestExplainUnreachableUpstreams(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\nfail_duration 1h\ntransport http {\nkeepalive off\n}\n}")
	tag := tagOfNode(nodes[1])
	query := polling + "&sid=" + tag + ".b-1"
	nodes[1].Close()
	s.get(t, query)

	down := explainedBy(t, query)
	assert.Equal(t, "upstream_unhealthy", down.Reason)
	assert.Equal(t, adminapi.NextFallback, down.Next)
	require.NotNil(t, down.Upstream)
	assert.False(t, down.Upstream.Healthy)
	require.NotNil(t, down.Upstream.CoolDown)
	assert.Contains(t, down.Upstream.CoolDown.Error, "could not be dialed")
	assert.True(t, down.Upstream.CoolDown.Until.After(time.Now()))

	s.reload(t, "socketio "+nodes[0].address())
	gone := explainedBy(t, query)
	assert.Equal(t, "upstream_gone", gone.Reason)
	assert.Equal(t, tag, gone.Tag)
	assert.Nil(t, gone.Upstream)
}

func TestExplainFindsSitesAndTheirHandlers(t *testing.T) {
	nodes, _ := startNodes(t, 3)
	a, b, c := nodes[0].address(), nodes[1].address(), nodes[2].address()
	serve(t, `
	handle /a/* {
		socketio `+a+` {
			sid learn
		}
	}
	handle /b/* {
		reverse_proxy `+b+` {
			lb_policy affinity
		}
	}
	handle {
		affinity {
			sid tag
		}
		reverse_proxy `+c+` {
			lb_policy affinity {
				secret sesame
			}
		}
	}`)
	tag := core.NewTagger("sesame").Tag(c)
	policies := explained(t, tag+".c-1").Policies
	require.Len(t, policies, 3)
	assert.Equal(t, c, policies[0].Upstream.Address, "the policy that knows the session is the first")
	assert.Equal(t, "tag", policies[0].Mode)
	assert.Empty(t, policies[0].Paths)
	assert.False(t, policies[0].MissingHandler)
	byPath := map[string]adminapi.PolicyExplanation{}
	for _, policy := range policies[1:] {
		require.Len(t, policy.Paths, 1)
		byPath[policy.Paths[0]] = policy
	}
	assert.Equal(t, "learn", byPath["/a/*"].Mode)
	assert.False(t, byPath["/a/*"].MissingHandler)
	assert.True(t, byPath["/b/*"].MissingHandler)
	for _, policy := range policies {
		assert.Equal(t, "srv0", policy.Server)
	}
}

func TestExplainHidesBytesThatAreNotSafe(t *testing.T) {
	n := startNode(t, "a")
	serve(t, "socketio "+n.address())
	for _, session := range []string{"\x1b[2J", polling + "&sid=%1b%5b2J", "a\nb"} {
		assert.Empty(t, explained(t, session).SID)
	}
	assert.True(t, explained(t, polling).Opens)
	status, message := callAdmin(t, http.MethodPost, adminapi.ExplainPath, `{"session":"https://chat.example.com/"}`, nil)
	assert.Equal(t, http.StatusBadRequest, status)
	assert.Contains(t, message, "must be the URL")
}
