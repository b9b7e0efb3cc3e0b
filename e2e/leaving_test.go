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
)

func TestCaddyTakesNoNodeForDeadThatClientsLeave(t *testing.T) {
	testClientsLeave(t, caddyShorthand)
}

func TestTraefikTakesNoNodeForDeadThatClientsLeave(t *testing.T) {
	testClientsLeave(t, traefikPlugin)
}

// testClientsLeave has thousands of clients leave in the middle of a handshake,
// all those of one node. That is no fault of the node's, which gets its part of
// the new sessions meanwhile.
func testClientsLeave(t *testing.T, h host) {
	t.Helper()
	const waves, leaving, staying = 20, 100, 30
	var reached sync.Map // for each client that leaves: whether a mute node has it
	startNode := func(name string, mute bool) string {
		return startFake(t, func(a asked) bool {
			query, _ := url.ParseQuery(a.target())
			client, leaves := reached.Load(query.Get("t"))
			if !leaves || !mute {
				a.reply(stockOpenPacket(), "X-Node: "+name)
			} else if strings.HasSuffix(query.Get("t"), "0") { // some have the half of it
				_, _ = io.WriteString(a, halfReply())
			}
			if leaves {
				client.(chan bool) <- mute
			}
			return true
		})
	}
	s := besiege(t, h, plain, startNode("mute", true), startNode("b", false), startNode("c", false))

	perNode := map[string]int{}
	for wave := range waves {
		var gone sync.WaitGroup
		for i := range leaving {
			number, client := fmt.Sprint("leaver-", wave*leaving+i), make(chan bool, 1)
			reached.Store(number, client)
			conn := s.dial(t)
			require.NoError(t, conn.SetDeadline(time.Now().Add(guard)))
			gone.Go(func() {
				_, _ = io.WriteString(conn, "GET /socket.io/?EIO=4&transport=polling&t="+number+" HTTP/1.1\r\nHost: "+s.address()+"\r\n\r\n")
				onMute, asked := receive(client)
				if !asked {
					t.Errorf("no node was asked for the handshake %s in %s", number, guard)
				} else if !onMute {
					if _, err := readSID(bufio.NewReader(conn)); err != nil {
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
			perNode[newEngine(t, s.front).handshakeReply(t).Header.Get("X-Node")]++
		}
	}
	t.Logf("%s: %d clients left, %d sessions opened beside them, nodes %v", t.Name(), waves*leaving, waves*staying, perNode)
	assert.Len(t, perNode, 3)
	for name, sessions := range perNode {
		assert.Greater(t, sessions, waves*staying/3/4, "sessions on node %s, of %v", name, perNode)
	}
	s.lift(t)
}
