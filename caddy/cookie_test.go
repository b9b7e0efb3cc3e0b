package caddy

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/core"
)

// tagOfNode returns the tag of a node, without a secret.
func tagOfNode(n *node) string { return core.NewTagger("").Tag(n.address()) }

// withCookies returns headers with these Cookie lines.
func withCookies(lines ...string) http.Header {
	return http.Header{"Cookie": lines}
}

func TestNewSessionsGetACookie(t *testing.T) {
	n := startNode(t, "a")
	cases := []struct{ name, options, want string }{
		{"with the defaults", "cookie", "server_id=TAG; Path=/; HttpOnly"},
		{"of another name", "cookie srv", "srv=TAG; Path=/; HttpOnly"},
		{
			"with every attribute", "cookie srv {\nmax_age 1h\ndomain example.com\npath /x\nsame_site none\nsecure\npartitioned\n}",
			"srv=TAG; Path=/x; Domain=example.com; Max-Age=3600; HttpOnly; Secure; SameSite=None; Partitioned",
		},
		{"under sid off", "sid off\ncookie", "server_id=TAG; Path=/; HttpOnly"},
		{"under sid learn", "sid learn\ncookie", "server_id=TAG; Path=/; HttpOnly"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := serve(t, "socketio "+n.address()+" {\n"+tc.options+"\n}")
			for _, query := range []string{polling, "EIO=3&transport=polling", "page=1"} {
				res, _ := s.get(t, query)
				assert.Equal(t, []string{strings.ReplaceAll(tc.want, "TAG", tagOfNode(n))}, res.Header["Set-Cookie"], query)
				assert.Equal(t, []string{"private"}, res.Header["Cache-Control"], query)
			}
			res, _ := s.do(t, http.MethodOptions, polling)
			assert.Empty(t, res.Header["Set-Cookie"], "a preflight sets no cookie")
		})
	}
}

func TestTheSecretKeysTheCookie(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\nsecret key\ncookie\n}")
	res, _ := s.get(t, polling)
	assert.Equal(t, []string{"server_id=" + core.NewTagger("key").Tag(n.address()) + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
}

func TestClientsWithACookieReturnToTheirUpstream(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses+" {\ncookie\n}")
	for _, n := range nodes {
		header := withCookies("server_id=" + tagOfNode(n))
		for _, query := range []string{polling, "EIO=3&transport=polling", "EIO=4&transport=websocket"} {
			res, body := s.send(t, http.MethodGet, query, header)
			assert.Contains(t, sidIn(t, body), n.name+"-", query)
			assert.Empty(t, res.Header["Set-Cookie"], "the client already has the cookie")
			assert.Empty(t, res.Header["Cache-Control"])
		}
		res, _ := s.send(t, http.MethodGet, "page=1&sid="+n.name+"-1", header)
		assert.Equal(t, http.StatusOK, res.StatusCode, "requests without EIO follow the cookie too")
		assert.Empty(t, <-n.cookies)
	}
}

func TestTheSessionIDTakesPrecedenceOverTheCookie(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	for _, options := range []string{"sid tag", "sid learn"} {
		s := serve(t, "socketio"+addresses+" {\ncookie\n"+options+"\n}")
		for i, n := range nodes {
			res, body := s.send(t, http.MethodGet, polling, withCookies("server_id="+tagOfNode(n)))
			require.Equal(t, http.StatusOK, res.StatusCode)
			sid := sidIn(t, body)
			other := nodes[1-i]
			res, body = s.send(t, http.MethodGet, polling+"&sid="+sid, withCookies("server_id="+tagOfNode(other)))
			assert.Equal(t, n.name, body, options)
			assert.Empty(t, res.Header["Set-Cookie"], "the cookie may be of another session in the same browser")
		}
	}
}

func TestTheCookiePinsSessionsWithoutATag(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	for _, options := range []string{"sid off", "sid learn", "sid auto"} {
		s := serve(t, "socketio"+addresses+" {\ncookie\n"+options+"\n}")
		for _, n := range nodes {
			_, body := s.send(t, http.MethodPost, polling+"&sid="+n.name+"-99", withCookies("server_id="+tagOfNode(n)))
			assert.Equal(t, n.name, body, options)
		}
	}
}

func TestInvalidCookiesAreIgnored(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	s := serve(t, "socketio"+addresses+" {\ncookie\nfallback first\n}")
	right := tagOfNode(nodes[1])
	cases := []struct {
		name  string
		lines []string
		left  string
	}{
		{"a tag that no upstream has", []string{"a=1; server_id=AAAAAAAAAAA; b=2"}, "a=1; b=2"},
		{"a quoted value", []string{`a="x y"; server_id="` + right + `";c`}, `a="x y";c`},
		{"a value that is too long", []string{"a=1;server_id=" + strings.Repeat("A", 5000)}, "a=1"},
		{"the cookie twice", []string{"server_id=" + right + "; a=1; server_id=" + right}, "a=1"},
		{"two lines", []string{"a=1", "server_id=" + right}, "a=1"},
		{"a name in another case", []string{"Server_ID=" + right}, "Server_ID=" + right},
		{"no cookie", []string{"a=1;; b"}, "a=1;; b"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			res, body := s.send(t, http.MethodGet, polling, withCookies(tc.lines...))
			assert.Contains(t, body, ".a-", "the fallback selects the node")
			assert.Len(t, res.Header["Set-Cookie"], 1)
			assert.Equal(t, tc.left, <-nodes[0].cookies)
		})
	}
}

func TestTheCookieOfAnUpstreamThatIsDownIsReplaced(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	s := serve(t, "socketio"+addresses+" {\ncookie\nfallback first\n}")
	nodes[1].Close()
	for range 3 {
		res, body := s.send(t, http.MethodGet, polling, withCookies("server_id="+tagOfNode(nodes[1])))
		assert.Contains(t, body, ".a-")
		assert.Equal(t, []string{"server_id=" + tagOfNode(nodes[0]) + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
	}
	_, body := s.send(t, http.MethodGet, polling, withCookies("server_id="+tagOfNode(nodes[2])))
	assert.Contains(t, body, ".c-", "the cookie of another node still counts")
}

func TestRetriesSetOneCookie(t *testing.T) {
	nodes, addresses := startNodes(t, 3)
	nodes[0].Close()
	nodes[1].Close()
	s := serve(t, "socketio"+addresses+" {\ncookie\nfallback first\nlb_retries 5\n}")
	res, body := s.get(t, polling)
	assert.Contains(t, body, ".c-")
	assert.Equal(t, []string{"server_id=" + tagOfNode(nodes[2]) + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
}

func TestErrorsSetNoCookie(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address()+" {\ncookie\n}")
	res, _ := s.get(t, polling+"&sid=gone")
	assert.Equal(t, http.StatusBadRequest, res.StatusCode)
	assert.Empty(t, res.Header["Set-Cookie"])
	n.Close()
	res, _ = s.get(t, polling)
	assert.Equal(t, http.StatusBadGateway, res.StatusCode)
	assert.Empty(t, res.Header["Set-Cookie"])
}

func TestAnUpstreamsCookieOfTheSameNameIsRemoved(t *testing.T) {
	n := startNode(t, "a")
	n.header = http.Header{"Set-Cookie": {"server_id=mine", "other=1; Path=/"}, "Cache-Control": {"no-store"}}
	s := serve(t, "socketio "+n.address()+" {\ncookie\n}")
	res, _ := s.get(t, polling)
	assert.Equal(t, []string{"other=1; Path=/", "server_id=" + tagOfNode(n) + "; Path=/; HttpOnly"}, res.Header["Set-Cookie"])
	assert.Equal(t, []string{"no-store"}, res.Header["Cache-Control"])
}

func TestPrefixModeAddsTheTagToTheUpstreamsCookie(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	for _, n := range nodes {
		n.header = http.Header{"Set-Cookie": {"io=abc; Path=/; SameSite=Lax", "other=1"}}
	}
	s := serve(t, "socketio"+addresses+" {\nsid off\ncookie io {\nmode prefix\n}\n}")
	for _, n := range nodes {
		value := tagOfNode(n) + "~abc"
		res, body := s.send(t, http.MethodGet, polling, withCookies("a=1; io="+value+";b"))
		assert.Contains(t, body, n.name+"-", "a new session")
		assert.Equal(t, "a=1; io=abc;b", <-n.cookies)
		assert.Equal(t, []string{"io=" + value + "; Path=/; SameSite=Lax", "other=1"}, res.Header["Set-Cookie"])
		assert.Equal(t, []string{"private"}, res.Header["Cache-Control"])
		_, body = s.send(t, http.MethodGet, polling+"&sid="+n.name+"-1", withCookies("io="+value))
		assert.Equal(t, n.name, body, "an open session")
		<-n.cookies
	}
	for _, forged := range []string{"io=AAAAAAAAAAA~abc", "io=" + tagOfNode(nodes[1]) + "~abc; io=x"} {
		res, _ := s.send(t, http.MethodGet, polling, withCookies(forged))
		assert.Len(t, res.Header["Set-Cookie"], 2)
	}
}

func TestPlaceholdersOfRequestsWithACookie(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, `log
		log_append io_reason {http.affinity.reason}
		socketio `+n.address()+` {
			cookie
		}`)
	s.send(t, http.MethodGet, polling, withCookies("server_id="+tagOfNode(n)))
	s.send(t, http.MethodGet, "page=1", withCookies("server_id="+tagOfNode(n)))
	require.Eventually(t, func() bool { return len(s.logged(t, "handled request", `"io_reason":"cookie"`)) == 2 }, patience, patience/1000)
}
