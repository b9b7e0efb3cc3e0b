package e2e

import (
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyAnswersOpenPollsWhenItStops(t *testing.T) {
	t.Parallel()
	c := caddyWithSharedSecret
	c.GlobalOptions = "grace_period 30s"
	testProxyStops(t, c)
}

func TestTraefikAnswersOpenPollsWhenItStops(t *testing.T) {
	t.Parallel()
	testProxyStops(t, testbed.TraefikPlugin)
}

// testProxyStops stops one of two proxies while a poll waits at the node. It is
// answered, and the session goes on through the other proxy.
func testProxyStops(t *testing.T, h testbed.Proxy) {
	t.Helper()
	nodes := testbed.StartNodes(t, []string{"a", "b"})
	endpoints := testbed.ServeTimes(t, 2, h, testbed.Site{Upstreams: testbed.Addresses(nodes)})
	e := testbed.NewEngine(t, endpoints[0])
	e.HandshakeBound(t)
	on := e.Connect(t)
	answered := make(chan testbed.Reply, 1)
	go func() { answered <- e.Do(t, http.MethodGet, "", nil) }()
	testbed.RequireWaitingPolls(t, nodes, 1)

	stopped := endpoints[0].Program
	stopped.Signal(t, syscall.SIGTERM)
	testbed.RequireEventually(t, "the proxy accepts no more connections", func() bool {
		conn, err := net.Dial("tcp", endpoints[0].Address())
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	other := testbed.NewEngine(t, endpoints[1])
	other.SID = e.SID
	other.Post(t, `421["echo","still here"]`)
	reply, inTime := testbed.Receive(answered)
	assert.True(t, inTime)
	assert.Equal(t, http.StatusOK, reply.StatusCode)
	assert.Contains(t, reply.Text, "still here")
	stopped.RequireExited(t)
	assert.Equal(t, on, other.Echo(t, "still here"))
}
