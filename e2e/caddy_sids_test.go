package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestCaddyLeavesDotsInSessionIDsThatItDidNotBind has a node that makes session
// IDs with dots: too long to be bound, and of sessions that were opened past the
// proxy, as before it was there.
func TestCaddyLeavesDotsInSessionIDsThatItDidNotBind(t *testing.T) {
	for name, tc := range map[string]struct {
		length int
		past   bool // the session is opened past the proxy
	}{
		"too long to be bound":       {length: 300},
		"opened before it was there": {length: 40, past: true},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := startNodes(t, []string{"a"}, "--trace", "--dotted-ids", fmt.Sprint(tc.length))
			f := caddyShorthand.serve(t, site{upstreams: addresses(nodes)})[0]
			e := newEngine(t, f)
			if tc.past {
				e.front = front{url: "http://" + nodes[0].addr}
			}
			e.handshake(t)
			require.Len(t, e.sid, tc.length)
			require.Contains(t, e.sid, ".")
			e.front = f
			greeter := e.connect(t)
			assert.Equal(t, greeter, e.echo(t, "a text"))
			r := e.do(t, http.MethodOptions, "", nil)
			assert.Equal(t, e.sid, seenSID(t, r))
		})
	}
}
