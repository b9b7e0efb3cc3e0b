package caddy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hijacked is what a handler has hijacked.
type hijacked struct {
	conn net.Conn
	brw  *bufio.ReadWriter
}

// hijack sends a server bytes that begin with an upgrade, and returns the client's
// connection and what the server's handler has hijacked after it wrote the reply's
// header.
func hijack(t *testing.T, sent string) (client net.Conn, got hijacked) {
	t.Helper()
	results, done := make(chan hijacked), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writer := newReplyWriter(w, new(requestState))
		writer.Header()["Date"] = nil
		writer.WriteHeader(http.StatusSwitchingProtocols)
		conn, brw, err := http.NewResponseController(writer).Hijack()
		if !assert.NoError(t, err) {
			return
		}
		defer func() { _ = conn.Close() }()
		results <- hijacked{conn, brw}
		<-done
	}))
	t.Cleanup(server.Close)
	client, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	t.Cleanup(func() { close(done) })
	_, err = io.WriteString(client, sent)
	require.NoError(t, err)
	return client, <-results
}

const upgrade = "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"

func TestHijackedConnectionsHaveSmallBuffers(t *testing.T) {
	client, got := hijack(t, upgrade)
	assert.Equal(t, minBuffer, got.brw.Reader.Size())
	assert.Equal(t, minBuffer, got.brw.Writer.Size())

	_, err := io.WriteString(client, "from the client")
	require.NoError(t, err)
	read := make([]byte, len("from the client"))
	_, err = io.ReadFull(got.brw, read)
	require.NoError(t, err)
	assert.Equal(t, "from the client", string(read))

	_, err = io.WriteString(got.brw, "from the server")
	require.NoError(t, err)
	require.NoError(t, got.brw.Flush())
	require.NoError(t, got.conn.Close())
	reply, err := io.ReadAll(client)
	require.NoError(t, err)
	assert.Equal(t, "HTTP/1.1 101 Switching Protocols\r\n\r\nfrom the server", string(reply))
}

func TestHijackersGetWhatTheClientSentBehindItsUpgrade(t *testing.T) {
	client, got := hijack(t, upgrade+"first message")
	require.NoError(t, client.Close()) // so that a message that is lost is not waited for
	read := make([]byte, len("first message"))
	_, err := io.ReadFull(got.brw, read)
	require.NoError(t, err)
	assert.Equal(t, "first message", string(read))
}
