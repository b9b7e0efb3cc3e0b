package traefik

import (
	"bufio"
	"net"
	"net/http"

	"github.com/eio-affinity/affinity/core"
)

// strippedCookies has the cookies to remove from responses.
type strippedCookies struct {
	// names has the names of the cookies.
	names []string

	// minStatus is the lowest status of the responses to remove them from: 0 for all
	// responses, 400 for errors only.
	minStatus int
}

// strip removes the cookies from the header of a response with this status.
func strip(cookies *strippedCookies, header http.Header, status int) {
	if header["Set-Cookie"] == nil || status < cookies.minStatus {
		return
	}
	for _, name := range cookies.names {
		core.DropSetCookie(header, name)
	}
}

// cookieStripper is an [http.ResponseWriter] that removes cookies from the header
// of a response. The body streams.
//
// Under Yaegi, Traefik sees only the methods of [http.ResponseWriter] and
// [http.Hijacker], and so cannot flush the writer. So the writer flushes on its own
// if the response has no length. It deliberately has no Unwrap method: whoever uses
// the wrapped writer directly would send a header that still sets the cookies.
type cookieStripper struct {
	http.ResponseWriter
	cookies *strippedCookies

	// passing reports that the final status was written, and that no write is flushed.
	// If it is still false when the handler returns, the caller must call finish.
	passing bool

	// streaming reports that the final status was written, and that each write is
	// flushed.
	streaming bool
}

// WriteHeader implements [http.ResponseWriter].
func (c *cookieStripper) WriteHeader(status int) {
	header := c.Header()
	if header["Set-Cookie"] != nil {
		strip(c.cookies, header, status)
	}
	c.passing = status >= http.StatusOK
	c.ResponseWriter.WriteHeader(status)
	if header["Content-Length"] == nil {
		stream(c, header, status)
	}
}

// finish removes the cookies from a header that was not written, because net/http
// will send it with the status 200.
func finish(c *cookieStripper) {
	if !c.streaming {
		strip(c.cookies, c.Header(), http.StatusOK)
	}
}

// stream flushes the header of a response without a length, and makes each write
// flush. It does not flush errors: a retry middleware discards an error that was
// written, but not one that was flushed.
func stream(c *cookieStripper, header http.Header, status int) {
	c.streaming = c.passing && status < http.StatusBadRequest
	if !c.streaming {
		return
	}
	c.passing = false
	// Without a type, net/http needs the body first, to detect its type.
	if header["Content-Type"] != nil {
		c.Flush()
	}
}

// Write implements [http.ResponseWriter].
func (c *cookieStripper) Write(p []byte) (int, error) {
	if c.passing {
		return c.ResponseWriter.Write(p)
	}
	return writeStream(c, p)
}

// writeStream is Write for a response that streams, or whose header was not written.
func writeStream(c *cookieStripper, p []byte) (int, error) {
	writeImplied(c)
	n, err := c.ResponseWriter.Write(p)
	if c.streaming {
		c.Flush()
	}
	return n, err
}

// writeImplied writes the status 200, unless a final status was written.
func writeImplied(c *cookieStripper) {
	if !c.passing && !c.streaming {
		c.WriteHeader(http.StatusOK)
	}
}

// FlushError flushes the wrapped writer, for [http.ResponseController].
func (c *cookieStripper) FlushError() error {
	writeImplied(c)
	return http.NewResponseController(c.ResponseWriter).Flush()
}

// Flush implements [http.Flusher].
func (c *cookieStripper) Flush() {
	_ = c.FlushError() // a writer that cannot flush still takes the rest
}

// hijackStripper is a cookieStripper whose connection can be hijacked. It is a type
// of its own because Yaegi wraps each method of a writer anew for each response.
type hijackStripper struct {
	*cookieStripper
}

// Hijack implements [http.Hijacker]. The caller writes the header of the response
// to the buffer, possibly not the header of the wrapped writer, and everything
// after that to the connection, which is the original one.
func (c *hijackStripper) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	c.passing = true
	strip(c.cookies, c.Header(), http.StatusSwitchingProtocols)
	conn, buffered, err := http.NewResponseController(c.ResponseWriter).Hijack()
	if err != nil || c.cookies.minStatus > http.StatusSwitchingProtocols {
		return conn, buffered, err
	}
	head := bufio.NewWriter(&headStripper{next: buffered.Writer, cookies: c.cookies})
	return conn, bufio.NewReadWriter(buffered.Reader, head), nil
}
