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
)

// endless is how much a node answers to a handshake that never ends.
const endless = 1 << 30

func TestCaddyBearsAnEndlessHandshake(t *testing.T) {
	testEndlessHandshakes(t, caddyShorthand)
}

func TestTraefikBearsAnEndlessHandshake(t *testing.T) {
	testEndlessHandshakes(t, traefikPlugin)
}

// testEndlessHandshakes has a node answer handshakes with a gigabyte that
// begins as an open packet does. The client gets it as it comes, and the proxy
// keeps next to nothing of it.
func testEndlessHandshakes(t *testing.T, h host) {
	t.Helper()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\n"
	begins := `0{"sid":"` + plainSID + `","upgrades":["`
	// The node goes on when the client has got half of what it has written.
	goOn := make(chan struct{})
	s := besiege(t, h, plain, startFake(t, func(a asked) bool {
		if !a.opens() {
			a.reply("ok")
			return true
		}
		if strings.Contains(a.target(), "length=") {
			_, _ = fmt.Fprintf(a, "%sContent-Length: %d\r\n\r\n", head, endless)
		} else {
			_, _ = io.WriteString(a, head+"Connection: close\r\n\r\n")
		}
		_, _ = io.WriteString(a, begins)
		part := bytes.Repeat([]byte("a"), 1<<20)
		for sent := len(begins); sent < endless; {
			n, err := a.Write(part[:min(len(part), endless-sent)])
			if err != nil {
				return false
			}
			if sent += n; sent != len(begins)+len(part) {
				continue
			}
			if _, told := receive(goOn); !told {
				return false
			}
		}
		return false
	}))
	for _, query := range []string{"EIO=4&transport=polling", "EIO=4&transport=polling&length=1"} {
		t.Run(query, func(t *testing.T) {
			before := s.memory(t)
			conn := s.dial(t)
			defer func() { _ = conn.Close() }()
			require.NoError(t, conn.SetDeadline(time.Now().Add(guard)))
			_, err := io.WriteString(conn, "GET /socket.io/?"+query+" HTTP/1.1\r\nHost: "+s.address()+"\r\n\r\n")
			require.NoError(t, err)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			require.NoError(t, err)
			defer func() { _ = resp.Body.Close() }()

			first := make([]byte, 1<<19) // Traefik may keep the last few KB for a while
			_, err = io.ReadFull(resp.Body, first)
			require.NoError(t, err)
			assert.Equal(t, begins, string(first[:len(begins)]), "it cannot be bound any more")
			select {
			case goOn <- struct{}{}:
			case <-time.After(guard):
				require.FailNow(t, "the node has not written its first part", "in %s", guard)
			}
			start := time.Now()
			rest, err := io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
			assert.Equal(t, endless, len(first)+int(rest))

			after := s.memory(t)
			t.Logf("%s: %s, then %s; %.1f s", t.Name(), before, after, time.Since(start).Seconds())
			assert.Less(t, after.peak, before.peak+64*mebibyte)
		})
	}
	s.lift(t)
}
