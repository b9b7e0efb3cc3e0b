package caddy

import (
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// replyWriter gives a reply its cookie, just before its headers are sent.
type replyWriter struct {
	*caddyhttp.ResponseWriterWrapper
	state *requestState
	began bool
}

// newReplyWriter returns a replyWriter in front of w.
func newReplyWriter(w http.ResponseWriter, state *requestState) *replyWriter {
	return &replyWriter{
		ResponseWriterWrapper: &caddyhttp.ResponseWriterWrapper{ResponseWriter: w},
		state:                 state,
	}
}

// WriteHeader takes the reply's status. Informational ones begin no reply.
func (w *replyWriter) WriteHeader(status int) {
	if final := status >= 200 || status == http.StatusSwitchingProtocols; final && !w.began {
		w.began = true
		w.state.setCookie(w.Header(), status)
	}
	w.ResponseWriterWrapper.WriteHeader(status)
}

// Write takes a part of the reply's body.
func (w *replyWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriterWrapper.Write(p)
}

// ReadFrom is Write for [io.Copy].
func (w *replyWriter) ReadFrom(r io.Reader) (int64, error) {
	w.begin()
	return w.ResponseWriterWrapper.ReadFrom(r)
}

// FlushError sends what there is, for [http.ResponseController].
func (w *replyWriter) FlushError() error {
	w.begin()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// begin sends the headers of a reply whose status nobody said.
func (w *replyWriter) begin() {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
}

// Interface guards.
var (
	_ http.ResponseWriter             = (*replyWriter)(nil)
	_ io.ReaderFrom                   = (*replyWriter)(nil)
	_ interface{ FlushError() error } = (*replyWriter)(nil)
)
