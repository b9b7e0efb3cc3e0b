package e2e

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyWithstandsHostileSessionIDs(t *testing.T) {
	t.Parallel()
	testHostileSids(t, testbed.CaddySettingCookie("cookie"), 16<<10)
}

func TestTraefikWithstandsHostileSessionIDs(t *testing.T) {
	t.Parallel()
	testHostileSids(t, testbed.TraefikWithDebugAddress(t, object{"exposeCookie": true}), 1<<20)
}

// hostileSids are values of a client in the place of its session ID, byte for byte.
// "T" stands for a tag of the fake node, which the proxy strips, and "AAAAAAAAAAA"
// for one that no node has; "N" is what is left of that.
var hostileSids = []struct {
	name, sid string
	arrives   string // what reaches the node, unless the proxy refuses it
	refused   bool   // by the proxy, with 400
}{
	{name: "no tag", sid: testbed.PlainSID, arrives: testbed.PlainSID},
	{name: "a tag", sid: "T." + testbed.PlainSID, arrives: testbed.PlainSID},
	{name: "an unknown tag", sid: "AAAAAAAAAAA." + testbed.PlainSID, arrives: "N" + testbed.PlainSID},
	{name: "two tags", sid: "T.T." + testbed.PlainSID, arrives: "T." + testbed.PlainSID},
	{name: "a tag alone", sid: "T.", arrives: "T."},
	{name: "a tag of 4 KB", sid: strings.Repeat("A", 4<<10) + ".a", arrives: strings.Repeat("A", 4<<10) + ".a"},
	{name: "4 KB", sid: "T." + strings.Repeat("a", 4<<10), arrives: "T." + strings.Repeat("a", 4<<10)},
	{name: "60 KB", sid: "T." + strings.Repeat("a", 60<<10), arrives: "T." + strings.Repeat("a", 60<<10)},
	{name: "900 KB", sid: "T." + strings.Repeat("a", 900<<10), arrives: "T." + strings.Repeat("a", 900<<10)},
	{name: "900 KB of dots", sid: strings.Repeat("a.", 450<<10), arrives: strings.Repeat("a.", 450<<10)},
	{name: "900 KB of parameters", sid: "T." + strings.Repeat("&a", 450<<10), arrives: "T." + strings.Repeat("&a", 450<<10)},
	{name: "1 MB", sid: "T." + strings.Repeat("a", 1<<20), arrives: "T." + strings.Repeat("a", 1<<20)},
	{name: "4 MB", sid: "T." + strings.Repeat("a", 4<<20), arrives: "T." + strings.Repeat("a", 4<<20)},
	{name: "a sid twice", sid: "T.a&sid=T.b", arrives: "T.a&sid=T.b"},
	{name: "a sid twice, of which one is empty", sid: "&sid=T.b", arrives: "&sid=T.b"},
	{name: "an encoded line end", sid: "T.a%0d%0aX-Injected:%20yes", arrives: "a%0d%0aX-Injected:%20yes"},
	{name: "an encoded line end in the tag", sid: "T%0d%0aX-Injected:%20yes.a", arrives: "T%0d%0aX-Injected:%20yes.a"},
	{name: "an encoded request", sid: "T.a%20HTTP/1.1%0d%0a%0d%0aGET%20/injected", arrives: "a%20HTTP/1.1%0d%0a%0d%0aGET%20/injected"},
	{name: "an encoded NUL", sid: "T.a%00b", arrives: "a%00b"},
	{name: "an encoding that is none", sid: "T.%zz%", arrives: "%zz%"},
	{name: "a way up", sid: "T./../../injected", arrives: "/../../injected"},
	{name: "a fragment", sid: "T.a#/injected", arrives: "a#/injected"},
	{name: "another query", sid: "T.a?sid=b", arrives: "a?sid=b"},
	{name: "bytes beyond ASCII", sid: "T.\xc3\xbc\xff", arrives: "\xc3\xbc\xff"},
	{name: "a line end", sid: "T.a\r\nX-Injected: yes", refused: true},
	{name: "a line end in the tag", sid: "T\r\nX-Injected: yes.a", refused: true},
	{name: "a line feed", sid: "T.a\nX-Injected: yes", refused: true},
	{name: "a carriage return", sid: "T.a\rX-Injected: yes", refused: true},
	{name: "a request", sid: "T.a\r\n\r\nGET /injected HTTP/1.1\r\nHost: a\r\n", refused: true},
	{name: "a version", sid: "T.a HTTP/1.1", refused: true},
	{name: "NUL", sid: "T.a\x00b", refused: true},
}

// hostileCookies are values of a client in the place of its cookie.
var hostileCookies = []struct {
	cookie  string
	refused bool // by the proxy, with 400
}{
	{"T\rX-Injected: yes", true},
	{"T\x00", true},
	{"T%0d%0aX-Injected:%20yes", false},
	{"T\r\n X-Injected: yes", false}, // a folded line
	{"T; " + testbed.InnerCookie + "=T; " + testbed.InnerCookie, false},
	{"\"T\"; =; ;;==", false},
	{strings.Repeat("T.", 30<<10), false},
	{strings.Repeat(testbed.InnerCookie+"=", 30<<10), false},
	{strings.Repeat(";", 900<<10), false},
	{strings.Repeat("; "+testbed.InnerCookie+"=T", 100<<10), false},
}

// testHostileSids sends what no stock client sends, beside clients of another
// site that must not be harmed. Each request that reaches a node is a single
// one, with its own path and headers.
// The proxy accepts this many bytes before a body, and up to 4 KiB more. It
// answers 431 to more.
func testHostileSids(t *testing.T, h testbed.Proxy, takes int) {
	t.Helper()
	var mu sync.Mutex
	var heads []string
	s := testbed.StartAttack(t, h, testbed.Plain, testbed.StartFakeNode(t, func(a testbed.FakeRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		heads = append(heads, a.Head)
		if a.IsHandshake() {
			a.Reply(testbed.OpenPacket())
		} else {
			a.Reply("it arrived")
		}
		return true
	}))
	tag := testbed.TagOf(t, s.Endpoint)
	unknown := strings.Repeat("0", len(tag))
	left := ""
	if s.KnowsTags {
		left = unknown + "."
	}
	tags := strings.NewReplacer("T", tag, "AAAAAAAAAAA", unknown, "N", left)
	// send sends a request, which the proxy may have to refuse, and returns the targets
	// of the requests that the node received.
	send := func(t *testing.T, target, cookie string, refused bool) (targets []string) {
		t.Helper()
		mu.Lock()
		heads = nil
		mu.Unlock()
		request := "GET " + target + " HTTP/1.1\r\nHost: " + s.Address() + "\r\nConnection: close\r\n" + cookie + "\r\n"
		reply := s.SendRaw(t, request)
		mu.Lock()
		defer mu.Unlock()
		for _, head := range heads {
			targets = append(targets, testbed.FakeRequest{Head: head}.Target())
			assertWhole(t, head)
		}
		status, arrived := "200 OK", 1
		if refused {
			status, arrived = "400 Bad Request", 0
		} else if len(request) > takes+4<<10 {
			status, arrived = "431 Request Header Fields Too Large", 0
		}
		assert.True(t, strings.HasPrefix(reply, "HTTP/1.1 "+status+"\r\n"), "%d bytes: the proxy answers %.200q, not %s", len(request), reply, status)
		assert.Equal(t, arrived, strings.Count(reply, "it arrived"), "the proxy answers %.200q", reply)
		assert.Len(t, heads, arrived, "requests at the node")
		return targets
	}

	const query = "/socket.io/?EIO=4&transport=polling&sid="
	for _, tc := range hostileSids {
		t.Run("as a sid: "+tc.name, func(t *testing.T) {
			// A tag has no dot, and nothing else here begins with T. Session IDs of
			// Engine.IO 3 have no tag, and are left alone.
			for query, arrives := range map[string]string{query: tc.arrives, strings.Replace(query, "4", "3", 1): tc.sid} {
				want := query + tags.Replace(arrives)
				for _, target := range send(t, query+tags.Replace(tc.sid), "", tc.refused) {
					if target != want { // it may have a million bytes
						assert.Fail(t, "another target", "arrived as %.200q", target)
					}
				}
			}
		})
	}
	for _, tc := range hostileCookies {
		t.Run(fmt.Sprintf("as a cookie: %.40q", tc.cookie), func(t *testing.T) {
			line := "Cookie: " + testbed.InnerCookie + "=" + tags.Replace(tc.cookie) + "\r\n"
			for sid, arrives := range map[string]string{"T.a": "a", "AAAAAAAAAAA.a": "Na", "a": "a"} {
				for _, target := range send(t, query+tags.Replace(sid), line, tc.refused) {
					assert.Equal(t, query+tags.Replace(arrives), target)
				}
			}
		})
	}
	t.Run("a target with a host", func(t *testing.T) {
		targets := send(t, s.URL+query+tag+".a", "", false)
		assert.Equal(t, []string{query + "a"}, targets)
	})
	t.Run("the tag of another node", func(t *testing.T) {
		testTagOfAnotherNode(t, s.Bystanders)
	})
	s.AssertBystandersUnharmed(t)
}

// assertWhole checks the head of a request that reached a node.
func assertWhole(t *testing.T, head string) {
	t.Helper()
	for i, line := range strings.Split(head, "\r\n") {
		assert.NotRegexp(t, `[\x00-\x08\x0a-\x1f\x7f]`, line)
		if i == 0 {
			assert.Regexp(t, `^GET /socket\.io/\?[^ ]* HTTP/1\.1$`, line)
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		assert.Regexp(t, knownHeader, name, "in %q", head)
	}
}

// knownHeader matches the names of the headers of a request that a client sent
// with Host, Connection and Cookie only.
var knownHeader = regexp.MustCompile(`^(?:Host|User-Agent|Cookie|Via|Accept-Encoding|Connection|X-Real-Ip|X-Forwarded-(?:For|Host|Port|Proto|Server))$`)

// testTagOfAnotherNode sends requests of a session with the tags of all nodes
// but its own.
func testTagOfAnotherNode(t *testing.T, f testbed.Endpoint) {
	t.Helper()
	byNode := map[string]*testbed.Engine{}
	testbed.RequireEventually(t, "sessions on all nodes", func() bool {
		e := testbed.NewEngine(t, f)
		e.HandshakeBound(t)
		byNode[e.Connect(t)] = e
		return len(byNode) == 3
	})
	for name, e := range byNode {
		for other, stranger := range byNode {
			if other == name {
				continue
			}
			tag, _, _ := strings.Cut(stranger.SID, ".")
			forged := testbed.NewEngine(t, f)
			forged.SID = tag + "." + e.NodeSID()
			r := forged.Do(t, http.MethodPost, "41", nil)
			assert.Equal(t, http.StatusBadRequest, r.StatusCode)
			assert.JSONEq(t, `{"code":1,"message":"Session ID unknown"}`, r.Text)
		}
		assert.Equal(t, name, e.Echo(t, "still there"))
	}
}
