package caddy

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// replyWriter writes the policy's cookie to a reply just before its headers are
// sent.
type replyWriter struct {
	*caddyhttp.ResponseWriterWrapper
	state       *requestState
	wroteHeader bool
}

// newReplyWriter returns a replyWriter that writes to w.
func newReplyWriter(w http.ResponseWriter, state *requestState) *replyWriter {
	return &replyWriter{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		state:                 state,
	}
}

// WriteHeader implements [http.ResponseWriter]. Headers after an informational
// status are not the reply's.
func (w *replyWriter) WriteHeader(status int) {
	if final := status >= 200 || status == http.StatusSwitchingProtocols; final && !w.wroteHeader {
		w.wroteHeader = true
		w.state.writeCookie(w.Header(), status)
		w.state.noteReply(status)
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *replyWriter) Write(p []byte) (int, error) {
	w.ensureHeader()
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom implements [io.ReaderFrom].
func (w *replyWriter) ReadFrom(r io.Reader) (int64, error) {
	w.ensureHeader()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError implements the method that [http.ResponseController] looks for.
func (w *replyWriter) FlushError() error {
	w.ensureHeader()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// ensureHeader writes the header if nothing has written it.
func (w *replyWriter) ensureHeader() {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
}

// Interface guards.
var (
	_ http.ResponseWriter             = (*replyWriter)(nil)
	_ io.ReaderFrom                   = (*replyWriter)(nil)
	_ interface{ FlushError() error } = (*replyWriter)(nil)
)
