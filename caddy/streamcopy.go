package caddy

import (
	"errors"
	"io"
	"sync"
)

const (
	// smallBuffer is the size of the buffer of a WebSocket that is idle, for each
	// direction. A ping has 1 byte, and most chat messages fit.
	smallBuffer = 512

	// largeBuffer is the size of the buffer of a WebSocket with larger messages. It
	// is that of reverse_proxy and of io.Copy.
	largeBuffer = 32 << 10

	// shrinkAfter is after how many small reads a WebSocket returns its large buffer:
	// soon, if there are only pings, but not between the messages of a busy one.
	shrinkAfter = 4
)

// largeBuffers has large buffers that are not in use.
var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// copyStream copies until the end of src, as [io.Copy] does. It reads into a small
// buffer, until one is filled: then into a large one, until several reads in a row
// would have fitted into the small one.
func copyStream(dst io.Writer, src io.Reader) (written int64, err error) {
	c := &streamCopy{dst: dst, src: src}
	c.buffer = c.small[:]
	c.run()
	return c.written, c.err
}

// streamCopy is a copy that copyStream makes. Its state is here and not in local
// variables: with a hundred bytes more on its stack, a goroutine that waits for a
// message needs a stack of 8 KiB instead of 4.
type streamCopy struct {
	dst io.Writer
	src io.Reader

	written int64
	err     error // why it has ended, if not with the end of src

	small      [smallBuffer]byte
	large      *[largeBuffer]byte // nil if the small one is in use
	buffer     []byte             // the one in use
	smallReads int                // into the large buffer, in a row
}

// run copies until the end.
func (c *streamCopy) run() {
	for {
		if n, err := c.src.Read(c.buffer); c.got(n, err) {
			return
		}
	}
}

// got writes what was read, and selects the buffer for the next read. It reports
// whether the copy has ended.
func (c *streamCopy) got(read int, readErr error) (ended bool) {
	if read > 0 {
		c.err = c.write(read)
	}
	if c.err != nil || readErr != nil {
		if c.err == nil && !errors.Is(readErr, io.EOF) {
			c.err = readErr
		}
		c.shrink()
		return true
	}
	switch {
	case c.large == nil && read == smallBuffer:
		c.large = largeBuffers.Get().(*[largeBuffer]byte)
		c.buffer, c.smallReads = c.large[:], 0
	case c.large == nil:
	case read > smallBuffer:
		c.smallReads = 0
	default:
		if c.smallReads++; c.smallReads == shrinkAfter {
			c.shrink()
		}
	}
	return false
}

// write writes what was read.
func (c *streamCopy) write(read int) error {
	n, err := c.dst.Write(c.buffer[:read])
	c.written += int64(n)
	if err == nil && n < read {
		return io.ErrShortWrite
	}
	return err
}

// shrink returns the large buffer, if there is one.
func (c *streamCopy) shrink() {
	if c.large != nil {
		largeBuffers.Put(c.large)
		c.large, c.buffer = nil, c.small[:]
	}
}
