package testbed

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// OpenSessionOn opens sessions until one is on the node of this name, and
// closes the others.
func OpenSessionOn(t *testing.T, f Endpoint, name string) *Engine {
	t.Helper()
	var e *Engine
	RequireEventually(t, "a session on node "+name, func() bool {
		e = NewEngine(t, f)
		e.HandshakeBound(t)
		if e.Connect(t) == name {
			return true
		}
		e.Post(t, "1")
		return false
	})
	return e
}

// OpenSessions opens this many sessions and returns how many each node has.
func OpenSessions(t *testing.T, f Endpoint, sessions int) map[string]int {
	t.Helper()
	perNode := map[string]int{}
	for range sessions {
		perNode[NewEngine(t, f).HandshakeBound(t).Header.Get("X-Node")]++
	}
	return perNode
}

// TagOf opens a session and returns its tag.
func TagOf(t *testing.T, f Endpoint) string {
	t.Helper()
	e := NewEngine(t, f)
	e.HandshakeBound(t)
	tag, _, _ := strings.Cut(e.SID, ".")
	return tag
}

// TagsByNode opens sessions until it has the tag of each node.
func TagsByNode(t *testing.T, f Endpoint, nodes []*Node) map[string]string {
	t.Helper()
	tags := map[string]string{}
	RequireEventually(t, "a session on each node", func() bool {
		e := NewEngine(t, f)
		name := e.HandshakeBound(t).Header.Get("X-Node")
		tags[name], _, _ = strings.Cut(e.SID, ".")
		return len(tags) == len(nodes)
	})
	return tags
}

// ProxyCookie returns the proxy's cookie that a reply sets, name=value.
func ProxyCookie(t *testing.T, r Reply) string {
	t.Helper()
	set := CookiesNamed(r, InnerCookie)
	require.Len(t, set, 1)
	require.Regexp(t, `^[A-Za-z0-9_-]+$`, set[0].Value)
	return set[0].Name + "=" + set[0].Value
}

// CookiesNamed returns the cookies of a name that a reply sets.
func CookiesNamed(r Reply, name string) []*http.Cookie {
	var cookies []*http.Cookie
	for _, cookie := range r.Cookies() {
		if cookie.Name == name {
			cookies = append(cookies, cookie)
		}
	}
	return cookies
}
