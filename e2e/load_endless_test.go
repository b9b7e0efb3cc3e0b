package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

// endlessSize is how many bytes a node answers to a handshake that never ends.
const endlessSize = 1 << 30

func TestCaddyStreamsAnEndlessHandshake(t *testing.T) {
	t.Parallel()
	testEndlessHandshakes(t, testbed.CaddyShorthand)
}

func TestTraefikStreamsAnEndlessHandshake(t *testing.T) {
	t.Parallel()
	testEndlessHandshakes(t, testbed.TraefikPlugin)
}

// testEndlessHandshakes has a node answer handshakes with a gigabyte that
// begins like an open packet. The proxy streams it to the client, and keeps
// next to nothing of it.
func testEndlessHandshakes(t *testing.T, h testbed.Proxy) {
	t.Helper()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"
	begins := `0{"sid":"` + testbed.PlainSID + `","upgrades":["`
	// The node goes on when the client has received half of what it has written.
	goOn := make(chan struct{})
	s := testbed.StartAttack(t, h, testbed.Plain, testbed.StartFakeNode(t, func(a testbed.FakeRequest) bool {
		if !a.IsHandshake() {
			a.Reply("ok")
			return true
		}
		if strings.Contains(a.Target(), "length=") {
			_, _ = fmt.Fprintf(a, "%sContent-Length: %d\r\n\r\n", head, endlessSize)
		} else {
			_, _ = io.WriteString(a, head+"Connection: close\r\n\r\n")
		}
		_, _ = io.WriteString(a, begins)
		part := bytes.Repeat([]byte("a"), 1<<20)
		for sent := len(begins); sent < endlessSize; {
			n, err := a.Write(part[:min(len(part), endlessSize-sent)])
			if err != nil {
				return false
			}
			if sent += n; sent != len(begins)+len(part) {
				continue
			}
			if _, input := testbed.Receive(goOn); !input {
				return false
			}
		}
		return false
	}))
	for _, query := range []string{"EIO=4&transport=polling", "EIO=4&transport=polling&length=1"} {
		t.Run(query, func(t *testing.T) {
			before := s.Memory(t)
			conn := s.Dial(t)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(testbed.Timeout)))
			_, err := io.WriteString(conn, "GET /socket.io/?"+query+" HTTP/1.1\r\nHost: "+s.Address()+"\r\n\r\n")
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()

			first := make([]byte, 1<<19) // Traefik may hold back the last few KB
			_, err = io.ReadFull(resp.Body, first)
			require.NoError(t, err)
			assert.Equal(t, begins, string(first[:len(begins)]), "it is too late to add a tag")
			select {
			case goOn <- struct{}{}:
			case <-time.After(testbed.Timeout):
				require.FailNow(t, "the node has not written its first part", "in %s", testbed.Timeout)
			}
			start := time.Now()
			rest, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			assert.Equal(t, endlessSize, len(first)+int(rest))

			after := s.Memory(t)
			t.Logf("%s: %s, then %s; %.1f s", t.Name(), before, after, time.Since(start).Seconds())
			assert.Less(t, after.Peak, before.Peak+64*testbed.MiB)
		})
	}
	s.AssertBystandersUnharmed(t)
}
