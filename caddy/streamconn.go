package caddy

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// minBuffer is the size of a buffer that is not needed any more, the least that
// package bufio has.
const minBuffer = 16

// Hijack implements [http.Hijacker]. The connection copies with buffers that take
// less memory than those of reverse_proxy.
func (w *replyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	shrinkBuffers(brw, conn)
	if half, ok := conn.(closeWriter); ok {
		return halfClosedConn{streamConn{conn}, half}, brw, nil
	}
	return streamConn{conn}, brw, nil
}

// shrinkBuffers replaces the buffers of a hijacked connection, of 4 KiB each, which
// net/http keeps for as long as the handler runs. They are the hijacker's, who needs
// them for what the client has sent already, and for the header of the reply.
func shrinkBuffers(brw *bufio.ReadWriter, conn net.Conn) {
	if brw.Reader.Buffered() == 0 {
		*brw.Reader = *bufio.NewReaderSize(conn, minBuffer)
	}
	if brw.Flush() == nil { // the hijacker gets the same error when it flushes
		*brw.Writer = *bufio.NewWriterSize(conn, minBuffer)
	}
}

// streamConn is a client's connection that has become a WebSocket. While it is
// idle, which most are, it needs small buffers only: reverse_proxy has one of 32
// KiB for each direction, and so has io.Copy between TCP connections.
type streamConn struct {
	net.Conn
}

// WriteTo implements [io.WriterTo]. It copies from the client.
func (c streamConn) WriteTo(w io.Writer) (int64, error) {
	return copyStream(w, c.Conn)
}

// ReadFrom implements [io.ReaderFrom]. It copies to the client.
func (c streamConn) ReadFrom(r io.Reader) (int64, error) {
	return copyStream(c.Conn, r)
}

// closeWriter is a connection whose direction to the client can be closed alone.
type closeWriter interface {
	CloseWrite() error
}

// halfClosedConn is a streamConn that can be closed so.
type halfClosedConn struct {
	streamConn
	closeWriter
}

// Interface guards.
var (
	_ http.Hijacker = (*replyWriter)(nil)
	_ io.WriterTo   = streamConn{}
	_ io.ReaderFrom = streamConn{}
	_ closeWriter   = halfClosedConn{}
)
