package caddy

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

const (
	// smallBuffer is the size of the buffer of a WebSocket that is idle, for each
	// direction. A ping has 1 byte, and most chat messages fit.
	smallBuffer = 1 << 10

	// largeBuffer is the size of the buffer of a WebSocket with larger messages. It
	// is that of reverse_proxy and of io.Copy.
	largeBuffer = 32 << 10

	// shrinkAfter is after how many small reads a WebSocket returns its large buffer:
	// soon, if there are only pings, but not between the messages of a busy one.
	shrinkAfter = 4
)

// largeBuffers has large buffers that are not in use.
var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// Hijack implements [http.Hijacker]. The connection copies with buffers that take
// less memory than those of reverse_proxy.
func (w *replyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if half, ok := conn.(closeWriter); ok {
		return halfClosedConn{streamConn{conn}, half}, brw, nil
	}
	return streamConn{conn}, brw, nil
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

// copyStream copies until the end of src, as [io.Copy] does. It reads into a small
// buffer, until one is filled: then into a large one, until several reads in a row
// would have fitted into the small one.
func copyStream(dst io.Writer, src io.Reader) (written int64, err error) {
	small := make([]byte, smallBuffer)
	buffer := small
	var large *[largeBuffer]byte
	defer func() {
		if large != nil {
			largeBuffers.Put(large)
		}
	}()
	smallReads := 0
	for {
		read, readErr := src.Read(buffer)
		if read > 0 {
			n, err := dst.Write(buffer[:read])
			written += int64(n)
			if err != nil {
				return written, err
			}
			if n < read {
				return written, io.ErrShortWrite
			}
		}
		if errors.Is(readErr, io.EOF) {
			return written, nil
		}
		if readErr != nil {
			return written, readErr
		}
		switch {
		case large == nil && read == smallBuffer:
			large = largeBuffers.Get().(*[largeBuffer]byte)
			buffer, smallReads = large[:], 0
		case large == nil:
		case read > smallBuffer:
			smallReads = 0
		default:
			if smallReads++; smallReads == shrinkAfter {
				largeBuffers.Put(large)
				large, buffer = nil, small
			}
		}
	}
}

// Interface guards.
var (
	_ http.Hijacker = (*replyWriter)(nil)
	_ io.WriterTo   = streamConn{}
	_ io.ReaderFrom = streamConn{}
	_ closeWriter   = halfClosedConn{}
)
