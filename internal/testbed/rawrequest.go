package testbed

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Dial connects to the endpoint.
func (f Endpoint) Dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", f.Address(), Timeout)
	require.NoError(t, err)
	return conn.(*net.TCPConn)
}

// SendRaw writes a request as it is on a connection of its own, and returns all
// that comes back.
func (f Endpoint) SendRaw(t *testing.T, request string) string {
	t.Helper()
	conn := f.Dial(t)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(Timeout)))
	go func() { _, _ = io.WriteString(conn, request) }() // a proxy that refuses it need not read it all
	reply, _ := io.ReadAll(conn)                         // nor close the connection cleanly
	return string(reply)
}

// UpgradeRequest returns a request for a WebSocket, of the session sid or of a
// new one if it is empty, whose connection is closed if it is refused.
func UpgradeRequest(f Endpoint, sid string) string {
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	return "GET /socket.io/?" + query + " HTTP/1.1\r\nHost: " + f.Address() +
		"\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// WebSocket requests a WebSocket, of the session sid or of a new one if it is
// empty, and closes it. The reply has a text if there is no WebSocket.
func WebSocket(t *testing.T, f Endpoint, sid string, header http.Header) Reply {
	t.Helper()
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.URL+"/socket.io/?"+query, http.NoBody)
	require.NoError(t, err)
	req.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	maps.Copy(req.Header, header)
	resp, err := NewEngine(t, f).Client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	r := Reply{Response: resp}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		r.Text = string(text)
	}
	return r
}

// ReadSID reads the reply to a handshake and returns its session ID.
func ReadSID(r *bufio.Reader) (string, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	_, rest, opens := strings.Cut(string(body), `"sid":"`)
	if !opens {
		return "", fmt.Errorf("%s: %s", resp.Status, body)
	}
	sid, _, _ := strings.Cut(rest, `"`)
	return sid, nil
}

// Handshakes sends this many handshakes of a version on many connections,
// pipelined, and returns the session IDs. The suffix is appended to the target.
func (f Endpoint) Handshakes(t *testing.T, version, suffix string, handshakes int) (sids []string) {
	t.Helper()
	const connections, ahead = 50, 10
	require.Zero(t, handshakes%(connections*ahead), "%d handshakes, where each of %d connections has %d at a time", handshakes, connections, ahead)
	target := "/socket.io/?EIO=" + version + "&transport=polling&t=sax6fk6i" + suffix
	request := strings.Repeat("GET "+target+" HTTP/1.1\r\nHost: "+f.Address()+"\r\n\r\n", ahead)
	start := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range connections {
		conn := f.Dial(t)
		require.NoError(t, conn.SetDeadline(start.Add(Timeout)))
		wg.Go(func() {
			defer func() { _ = conn.Close() }()
			r := bufio.NewReader(conn)
			for range handshakes / connections / ahead {
				_, err := io.WriteString(conn, request)
				for range ahead {
					var sid string
					if err == nil {
						sid, err = ReadSID(r)
					}
					if err != nil {
						t.Errorf("a handshake: %v", err)
						return
					}
					mu.Lock()
					sids = append(sids, sid)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(start)
	t.Logf("%s: %d handshakes in %.1f s, %.0f a second", t.Name(), len(sids), took.Seconds(), float64(len(sids))/took.Seconds())
	require.Len(t, sids, handshakes)
	return sids
}
