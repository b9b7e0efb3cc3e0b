package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestCaddyDoesNotBlameANodeWhenClientsLeave(t *testing.T) {
	t.Parallel()
	testClientsLeave(t, testbed.CaddyShorthand)
}

func TestTraefikDoesNotBlameANodeWhenClientsLeave(t *testing.T) {
	t.Parallel()
	testClientsLeave(t, testbed.TraefikPlugin)
}

// testClientsLeave has thousands of clients leave in the middle of a handshake,
// all of them on one node. The proxy must not count that as a failure of the
// node, which goes on getting its share of new sessions.
func testClientsLeave(t *testing.T, h testbed.Proxy) {
	t.Helper()
	const waves, leaving, staying = 20, 100, 30
	var reached sync.Map // by client that leaves: a channel that gets whether the mute node has it
	startNode := func(name string, mute bool) string {
		return testbed.StartFakeNode(t, func(a testbed.FakeRequest) bool {
			query, _ := url.ParseQuery(a.Target())
			client, leaves := reached.Load(query.Get("t"))
			if !leaves || !mute {
				a.Reply(testbed.OpenPacket(), "X-Node: "+name)
			} else if strings.HasSuffix(query.Get("t"), "0") { // some get half of a response
				_, _ = io.WriteString(a, testbed.HalfHandshakeResponse())
			}
			if leaves {
				client.(chan bool) <- mute
			}
			return true
		})
	}
	s := testbed.StartAttack(t, h, testbed.Plain, startNode("mute", true), startNode("b", false), startNode("c", false))

	perNode := map[string]int{}
	for wave := range waves {
		var gone sync.WaitGroup
		for i := range leaving {
			number, client := fmt.Sprint("leaver-", wave*leaving+i), make(chan bool, 1)
			reached.Store(number, client)
			conn := s.Dial(t)
			require.NoError(t, conn.SetDeadline(time.Now().Add(testbed.Timeout)))
			gone.Go(func() {
				_, _ = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling&t="+number+" HTTP/1.1\r\nHost: "+s.Address()+"\r\n\r\n")
				onMute, asked := testbed.Receive(client)
				if !asked {
					t.Errorf("no node was asked for the handshake %s in %s", number, testbed.Timeout)
				} else if !onMute {
					if _, err := testbed.ReadSID(bufio.NewReader(conn)); err != nil {
						t.Errorf("a handshake: %v", err)
					}
				}
				if i%2 == 0 {
					_ = conn.SetLinger(0) // some reset the connection
				}
				_ = conn.Close()
			})
		}
		gone.Wait()
		for range staying {
			perNode[testbed.NewEngine(t, s.Endpoint).HandshakeBound(t).Header.Get("X-Node")]++
		}
	}
	t.Logf("%s: %d clients left, %d sessions opened beside them, nodes %v", t.Name(), waves*leaving, waves*staying, perNode)
	assert.Len(t, perNode, 3)
	for name, sessions := range perNode {
		assert.Greater(t, sessions, waves*staying/3/4, "sessions on node %s, of %v", name, perNode)
	}
	s.AssertBystandersUnharmed(t)
}
