package caddy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// secretsStep is a config in a rotation from the secret "old" to the secret "new":
// its option, and the secret of new tags.
type secretsStep struct{ options, signs string }

// rotation has the steps of a rotation during which other proxies may be one step
// behind.
var rotation = []secretsStep{
	{"secret old", "old"},
	{"secret old new", "old"},
	{"secret new old", "new"},
}

func TestRotatingTheSecretKeepsSessions(t *testing.T) {
	single := []secretsStep{rotation[0], rotation[2]}
	for _, tc := range []struct {
		name, query string
		steps       []secretsStep
	}{
		{"that are tagged", polling, rotation},
		{"that are learned", polling3, rotation},
		{"that are tagged, on a single proxy", polling, single},
		{"that are learned, on a single proxy", polling3, single},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes, addresses := startNodes(t, 3)
			var sids []string
			var s *server
			for i, step := range tc.steps {
				site := "socketio" + addresses + " {\n" + step.options + "\n}"
				if i == 0 {
					s = serve(t, site)
				} else {
					s.reload(t, site)
				}
				for range nodes {
					sids = append(sids, s.open(t, tc.query))
				}
				for _, sid := range sids {
					_, own, tagged := strings.Cut(sid, ".")
					if !tagged {
						own = sid
					}
					_, body := s.get(t, tc.query+"&sid="+sid)
					assert.Equal(t, own[:1], body, "%s: %s", step.options, sid)
				}
			}
		})
	}
}

func TestNewTagsAreThoseOfTheFirstSecret(t *testing.T) {
	n := startNode(t, "a")
	for _, step := range rotation {
		t.Run(step.options, func(t *testing.T) {
			want := core.NewTagger(step.signs).Tag(n.address())
			s := serve(t, "socketio "+n.address()+" {\n"+step.options+"\ncookie\n}")
			res, body := s.get(t, polling)
			assert.Equal(t, want, sidIn(t, body)[:11])
			assert.Equal(t, []string{"server_id=" + want + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
		})
	}
}

func TestCookiesWithATagOfAnAcceptedSecretAreReplaced(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses+" {\nsecret new old\ncookie\n}")
	for _, n := range nodes {
		oldTag, newTag := core.NewTagger("old").Tag(n.address()), core.NewTagger("new").Tag(n.address())
		header := func() http.Header { return withCookies("server_id=" + oldTag) }
		res, body := s.send(t, http.MethodGet, polling, header())
		sid := sidIn(t, body)
		assert.Equal(t, newTag+"."+n.name, sid[:13], "the cookie leads to its upstream")
		assert.Equal(t, []string{"server_id=" + newTag + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])

		res, body = s.send(t, http.MethodGet, polling+"&sid="+sid, header())
		assert.Equal(t, n.name, body)
		assert.Empty(t, res.Header["Set-Cookie"], "a request of a session sets no cookie")

		_, body = s.send(t, http.MethodGet, polling+"&sid="+sid[12:], header())
		assert.Equal(t, n.name, body, "a session found by its cookie")
	}
}

func TestCookiesOfTheUpstreamsGetTheTagOfTheFirstSecret(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses+" {\nsecret new old\ncookie io {\nmode prefix\n}\n}")
	for _, n := range nodes {
		n.header = http.Header{"Set-Cookie": {"io=x; Path=/"}}
		oldTag, newTag := core.NewTagger("old").Tag(n.address()), core.NewTagger("new").Tag(n.address())
		for _, query := range []string{polling, polling + "&sid=" + oldTag + "." + n.name + "-1", polling + "&sid=" + n.name + "-1"} {
			res, body := s.send(t, http.MethodGet, query, withCookies("io="+oldTag+"~x"))
			assert.Contains(t, body, n.name, query)
			assert.Equal(t, []string{"io=" + newTag + "~x; Path=/"}, res.Header["Set-Cookie"], query)
			assert.Equal(t, "io=x", <-n.cookies, query)
		}
	}
}

// A tag is remembered as that of a former upstream.
func TestATagOfARemovedSecretIsGone(t *testing.T) {
	n := startNode(t, "a")
	oldTag := core.NewTagger("old").Tag(n.address())
	s := serveReasons(t, "socketio "+n.address()+" {\nsecret new old\n}")
	s.assertReason(t, polling+"&sid="+oldTag+".a-1", nil, core.ReasonTag, oldTag)
	s.reload(t, withReasons("socketio "+n.address()+" {\nsecret new\n}"))
	s.assertReason(t, polling+"&sid="+oldTag+".a-1", nil, core.ReasonUpstreamGone, oldTag)
}

func TestSelectFollowsTheTagsOfAllSecretsThroughChangingPools(t *testing.T) {
	policy := newPolicy(t, "secret new old older")
	for from := 1; from < 3000; from += 77 {
		pool := newPool(from, 10)
		for _, i := range []int{0, 9, 4} {
			for _, secret := range []string{"new", "old", "older"} {
				req, state := newRequest(t, core.NewTagger(secret).Tag(pool[i].Dial))
				require.Same(t, pool[i], policy.Select(pool, req, nil))
				require.Equal(t, core.NewTagger("new").Tag(pool[i].Dial), state.responder)
			}
		}
	}
}

func TestInvalidSecretsAreRefused(t *testing.T) {
	t.Setenv("AFFINITY_SECRET", "sesame")
	for _, tc := range []struct {
		name   string
		policy AffinitySelection
		want   string
	}{
		{"accepted secrets without a secret", AffinitySelection{AcceptedSecrets: []string{"a"}}, "accepted_secrets: requires secret"},
		{"an empty one", AffinitySelection{Secret: "a", AcceptedSecrets: []string{"b", ""}}, "accepted_secrets[1]: must not be empty"},
		{
			"an unknown placeholder",
			AffinitySelection{Secret: "a", AcceptedSecrets: []string{"{nope.b}"}},
			"replacing placeholders in accepted_secrets[0]",
		},
		{
			"two that are the same once placeholders are replaced",
			AffinitySelection{Secret: "sesame", AcceptedSecrets: []string{"{env.AFFINITY_SECRET}"}},
			"accepted_secrets[0]: is the same as a secret before it",
		},
		{"two accepted ones that are the same", AffinitySelection{Secret: "a", AcceptedSecrets: []string{"sesame", "sesame"}}, "accepted_secrets[1]: is the same"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.policy.Provision(newContext(t))
			require.ErrorContains(t, err, tc.want)
			assert.NotContains(t, err.Error(), "sesame", "no error contains a secret")
		})
	}
}
